from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from goldilocks.nets.training.losses.contrastive import supervised_contrastive
from goldilocks.nets.training.losses.criterion import Criterion, criterion_for
from goldilocks.records import ClassWeights, TrainingConfig

SCORES = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.1, 0.2], [-1.0, 1.0, 0.0]])
TARGETS = torch.tensor([0, 2, 1])
CONFIG = TrainingConfig(1, 1.0, 1.0)


def value(criterion: Criterion, scores: torch.Tensor = SCORES) -> float:
    return float(criterion(lambda: scores, TARGETS))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_it_is_torch_s_cross_entropy_with_label_smoothing(smoothing: float) -> None:
    expected = F.cross_entropy(SCORES, TARGETS, label_smoothing=smoothing)
    assert value(Criterion(label_smoothing=smoothing)) == pytest.approx(float(expected))


def test_focal_loss_weighs_each_item_by_what_its_probability_lacks() -> None:
    right = SCORES.softmax(1)[torch.arange(3), TARGETS]
    expected = (-((1 - right) ** 2) * right.log()).mean()  # Lin et al. 2017, equation 4, gamma 2
    assert value(Criterion(focal_gamma=2.0)) == pytest.approx(float(expected))


def test_balanced_weights_make_every_class_count_alike() -> None:
    targets = [0] * 8 + [1] * 2
    criterion = criterion_for(TrainingConfig(1, 1.0, 1.0, class_weights=ClassWeights.BALANCED), targets, 2)
    scores = torch.randn(10, 2, generator=torch.Generator().manual_seed(0))
    losses = F.cross_entropy(scores, torch.tensor(targets), reduction="none")
    expected = (losses[:8].mean() + losses[8:].mean()) / 2
    assert float(criterion(lambda: scores, torch.tensor(targets))) == pytest.approx(float(expected))


def test_adjusted_logits_answer_with_balanced_posteriors() -> None:
    # With equal scores the adjusted loss is lowest for the prior: training has nothing to learn from frequencies alone.
    targets = [0] * 9 + [1]
    criterion = criterion_for(TrainingConfig(1, 1.0, 1.0, logit_adjustment=1.0), targets, 2)
    scores = torch.zeros(10, 2, requires_grad=True)
    criterion(lambda: scores, torch.tensor(targets)).backward()  # type: ignore[no-untyped-call]
    assert scores.grad is not None
    assert torch.allclose(scores.grad.sum(0), torch.zeros(2), atol=1e-6)
    # Plain cross entropy would push class 0 up there.
    plain = torch.zeros(10, 2, requires_grad=True)
    F.cross_entropy(plain, torch.tensor(targets)).backward()  # type: ignore[no-untyped-call]
    assert plain.grad is not None
    assert float(plain.grad.sum(0)[0]) < -0.3


def test_r_drop_adds_the_divergence_of_two_predictions() -> None:
    given = iter([SCORES, SCORES.flip(1)])
    got = Criterion(r_drop=3.0)(lambda: next(given), TARGETS)
    p, q = SCORES.log_softmax(1), SCORES.flip(1).log_softmax(1)
    divergence = (
        F.kl_div(q, p, log_target=True, reduction="batchmean") + F.kl_div(p, q, log_target=True, reduction="batchmean")
    ) / 2
    entropy = (F.cross_entropy(SCORES, TARGETS) + F.cross_entropy(SCORES.flip(1), TARGETS)) / 2
    assert float(got) == pytest.approx(float(entropy + 3.0 * divergence))


def test_r_drop_of_equal_predictions_is_cross_entropy() -> None:
    assert value(Criterion(r_drop=5.0)) == pytest.approx(float(F.cross_entropy(SCORES, TARGETS)))


def test_contrastive_weight_is_a_share_of_the_loss() -> None:
    vectors = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    targets = torch.tensor([0, 0, 1])
    entropy, pairs = F.cross_entropy(SCORES, targets), supervised_contrastive(vectors, targets, 0.3)
    got = Criterion(contrastive_weight=0.9)(lambda: SCORES, targets, vectors)
    assert float(got) == pytest.approx(float(0.1 * entropy + 0.9 * pairs))


def test_a_plain_config_makes_the_plain_loss() -> None:
    assert criterion_for(CONFIG, [0, 1], 2) == Criterion()
