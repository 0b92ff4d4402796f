from __future__ import annotations

import pytest
import torch

from goldilocks.nets.training.losses.focal import focal_weights

SCORES = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.1, 0.2]])
TARGETS = torch.tensor([0, 2])


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_weight_is_a_power_of_what_the_probability_lacks(gamma: float) -> None:
    right = SCORES.softmax(1)[torch.arange(2), TARGETS]
    got = focal_weights(SCORES.log_softmax(1), TARGETS, gamma)
    assert torch.allclose(got, (1 - right) ** gamma)


def test_without_gamma_all_items_weigh_the_same() -> None:
    assert focal_weights(SCORES.log_softmax(1), TARGETS, 0.0).tolist() == [1.0, 1.0]


def test_gradient_of_a_certain_item_is_finite_for_gamma_below_one() -> None:
    # (1 - p)^0.5 has an infinite derivative at p = 1, which float32 reaches.
    scores = torch.tensor([[100.0, 0.0]], requires_grad=True)
    log_probabilities = scores.log_softmax(1)
    assert float(log_probabilities.detach().exp()[0, 0]) == 1.0
    focal_weights(log_probabilities, torch.tensor([0]), 0.5).sum().backward()  # type: ignore[no-untyped-call]
    assert scores.grad is not None
    assert bool(scores.grad.isfinite().all())
