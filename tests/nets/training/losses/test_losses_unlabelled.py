from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from goldilocks.nets.training.losses.unlabelled import unlabelled_loss
from goldilocks.records import UnlabelledLoss

SURE, UNSURE = [4.0, 0.0], [0.2, 0.0]  # softmax: 0.982 and 0.550


def test_pseudo_labels_are_the_most_probable_labels_of_sure_items_only() -> None:
    given, scores = torch.tensor([SURE, UNSURE]), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    got = unlabelled_loss(UnlabelledLoss.PSEUDO_LABELS, given, scores, 0.9)
    # The unsure item counts 0, and the mean is over both.
    assert float(got) == pytest.approx(float(F.cross_entropy(scores[:1], torch.tensor([0]))) / 2)


def test_consistency_is_the_divergence_from_the_given_distribution() -> None:
    given, scores = torch.tensor([SURE]), torch.tensor([[1.0, 0.5]])
    p, q = given.softmax(1), scores.softmax(1)
    expected = (p * (p / q).log()).sum()
    assert float(unlabelled_loss(UnlabelledLoss.CONSISTENCY, given, scores, 0.0)) == pytest.approx(float(expected))


@pytest.mark.parametrize("kind", [UnlabelledLoss.PSEUDO_LABELS, UnlabelledLoss.CONSISTENCY])
def test_no_gradient_reaches_what_the_labels_are_taken_from(kind: UnlabelledLoss) -> None:
    given = torch.tensor([SURE, UNSURE], requires_grad=True)
    scores = torch.tensor([[1.0, 0.0], [0.0, 0.0]], requires_grad=True)
    unlabelled_loss(kind, given, scores, 0.9).backward()  # type: ignore[no-untyped-call]
    assert given.grad is None
    assert scores.grad is not None
    assert float(scores.grad[0].abs().sum()) > 0
    assert float(scores.grad[1].abs().sum()) == 0
