from __future__ import annotations

import pytest
import torch
from torch import nn

from goldilocks.nets.training.mixout import Mixout
from goldilocks.nets.training.slots import Slot


def slot(weight: nn.Parameter) -> Slot:
    return Slot("w", weight.detach(), weight, peak=1.0, decay=0.0)


def test_mixed_weights_follow_equation_6_and_their_mean_is_the_weight() -> None:
    torch.manual_seed(0)
    weight = nn.Parameter(torch.full((400, 500), 2.0))
    mixout = Mixout([slot(weight)], 0.25)
    weight.data.fill_(3.0)
    with mixout.mixed():
        mixed = weight.detach().clone()
    # Replaced: (2 - 0.25 * 2) / 0.75 = 2; kept: (3 - 0.25 * 2) / 0.75 = 10/3.
    assert sorted(set(mixed.flatten().tolist())) == pytest.approx([2.0, 10 / 3])
    assert abs(float((mixed == 2.0).float().mean()) - 0.25) < 0.01
    assert abs(float(mixed.mean()) - 3.0) < 0.01
    assert torch.equal(weight.detach(), torch.full((400, 500), 3.0))


def test_gradient_reaches_kept_weights_only() -> None:
    torch.manual_seed(0)
    weight = nn.Parameter(torch.ones(50, 50))
    mixout = Mixout([slot(weight)], 0.5)
    with mixout.mixed():
        weight.sum().backward()  # type: ignore[no-untyped-call]
    assert weight.grad is not None
    # d mixed / d w = (1 - m) / (1 - p), so that the gradient's mean is that without mixout.
    assert set(weight.grad.flatten().tolist()) == {0.0, 2.0}


def test_off_it_changes_and_draws_nothing() -> None:
    torch.manual_seed(0)
    weight = nn.Parameter(torch.ones(3, 3))
    before = torch.get_rng_state()
    with Mixout([slot(weight)], 0.0).mixed():
        assert torch.equal(weight.detach(), torch.ones(3, 3))
    assert torch.equal(before, torch.get_rng_state())
