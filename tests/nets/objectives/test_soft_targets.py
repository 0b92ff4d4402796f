from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from goldilocks.nets.objectives.soft_targets import SoftTargets


@dataclass
class FakeNetwork:
    """Scores are given; the network's own loss is cross-entropy."""

    scores: Tensor
    config: Any = field(default_factory=lambda: SimpleNamespace(several=False))

    def backbone(self, batch: Any) -> None:
        return None

    def pool(self, states: Any, batch: Any) -> Tensor:
        return self.scores

    def score_pooled(self, pooled: Tensor) -> Tensor:
        return self.scores

    def loss_pooled(self, pooled: Tensor, targets: Any) -> Tensor:
        return F.cross_entropy(self.scores, torch.tensor(targets))


def soft(network: Any, teacher: Any, weight: float, temperature: float) -> SoftTargets:
    return SoftTargets(network, (), np.array(teacher), weight=weight, temperature=temperature)


def test_loss_is_that_of_hinton() -> None:
    network = FakeNetwork(torch.tensor([[1.0, 0.0, -1.0]]))
    teacher = torch.tensor([[0.7, 0.2, 0.1]])
    loss = soft(network, teacher.tolist(), 0.25, 2.0).loss(network, None, [(0, 0)])  # type: ignore[arg-type]
    theirs, ours = (teacher.log() / 2).softmax(-1), (network.scores / 2).softmax(-1)
    divergence = (theirs * (theirs / ours).log()).sum()
    own = -network.scores.log_softmax(-1)[0, 0]
    assert float(loss) == pytest.approx(float(0.75 * own + 0.25 * 4 * divergence), rel=1e-5)


def test_student_that_agrees_with_its_teacher_has_only_its_own_loss() -> None:
    teacher = [[0.7, 0.2, 0.1]]
    network = FakeNetwork(torch.tensor(teacher).log())
    loss = soft(network, teacher, 1.0, 3.0).loss(network, None, [(0, 0)])  # type: ignore[arg-type]
    assert float(loss) == pytest.approx(0.0, abs=1e-6)


def test_certain_teacher_gives_a_finite_loss() -> None:
    network = FakeNetwork(torch.tensor([[1.0, 0.0, -1.0]]))
    loss = soft(network, [[1.0, 0.0, 0.0]], 1.0, 1.0).loss(network, None, [(0, 0)])  # type: ignore[arg-type]
    assert torch.isfinite(loss)


def test_labels_that_the_teacher_does_not_know_are_not_compared() -> None:
    network = FakeNetwork(torch.tensor([[1.0, 0.0, 5.0]]))
    agreeing = torch.tensor([[1.0, 0.0]]).softmax(-1)
    loss = soft(network, agreeing.tolist(), 1.0, 1.0).loss(network, None, [(2, 0)])  # type: ignore[arg-type]
    assert float(loss) == pytest.approx(0.0, abs=1e-6)
