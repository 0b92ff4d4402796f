from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from goldilocks.nets.training.losses.r_drop import symmetric_divergence


def log_probabilities(seed: int) -> torch.Tensor:
    return torch.randn(5, 4, generator=torch.Generator().manual_seed(seed)).log_softmax(1)


def test_it_is_the_mean_of_both_divergences_of_torch() -> None:
    p, q = log_probabilities(0), log_probabilities(1)
    there = F.kl_div(q, p, log_target=True, reduction="none").sum(1)  # KL(p‖q)
    back = F.kl_div(p, q, log_target=True, reduction="none").sum(1)
    assert torch.allclose(symmetric_divergence(p, q), (there + back) / 2, atol=1e-6)


def test_it_is_symmetric_above_zero_and_zero_between_equals() -> None:
    p, q = log_probabilities(0), log_probabilities(1)
    assert torch.equal(symmetric_divergence(p, q), symmetric_divergence(q, p))
    assert bool((symmetric_divergence(p, q) > 0).all())
    assert symmetric_divergence(p, p).tolist() == pytest.approx([0.0] * 5)


def test_both_predictions_get_a_gradient() -> None:
    p, q = log_probabilities(0).requires_grad_(), log_probabilities(1).requires_grad_()
    symmetric_divergence(p, q).sum().backward()  # type: ignore[no-untyped-call]
    for entry in (p, q):
        assert entry.grad is not None
        assert float(entry.grad.abs().min()) > 0
