from __future__ import annotations

import math

import pytest
import torch

from goldilocks.nets.training.losses.contrastive import supervised_contrastive


def test_contrastive_loss_by_hand() -> None:
    vectors = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    got = supervised_contrastive(vectors, torch.tensor([0, 0, 1]), 0.5)
    # Items 0 and 1: cosine 1 to each other, 0 to item 2, divided by 0.5: -ln(e^2 / (e^2 + 1)). Item 2 has no partner.
    assert float(got) == pytest.approx(-math.log(math.e**2 / (math.e**2 + 1)))


@pytest.mark.parametrize("n_items", [1, 3])
def test_contrastive_loss_without_pairs_is_zero_with_finite_gradients(n_items: int) -> None:
    vectors = torch.randn(n_items, 4, requires_grad=True)
    loss = supervised_contrastive(vectors, torch.arange(n_items), 0.1)
    loss.backward()  # type: ignore[no-untyped-call]
    assert float(loss.detach()) == 0.0
    assert vectors.grad is not None
    assert bool(vectors.grad.isfinite().all())


def test_only_directions_count() -> None:
    vectors, targets = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 0, 1, 2, 2])
    scaled = vectors * torch.arange(1, 7)[:, None]
    assert float(supervised_contrastive(scaled, targets, 0.3)) == pytest.approx(
        float(supervised_contrastive(vectors, targets, 0.3)), rel=1e-5
    )


def test_loss_is_the_mean_over_partners_of_equation_2() -> None:
    vectors = torch.randn(7, 4, generator=torch.Generator().manual_seed(1)).double()
    targets, temperature = [0, 0, 0, 1, 1, 2, 0], 0.2
    unit = vectors / vectors.norm(dim=1, keepdim=True)
    losses = []
    for item, label in enumerate(targets):
        others = [other for other in range(7) if other != item]
        partners = [other for other in others if targets[other] == label]
        total = sum(math.exp(float(unit[item] @ unit[other]) / temperature) for other in others)
        shares = [math.exp(float(unit[item] @ unit[other]) / temperature) / total for other in partners]
        if partners:
            losses.append(-sum(map(math.log, shares)) / len(partners))
    got = supervised_contrastive(vectors, torch.tensor(targets), temperature)
    assert float(got) == pytest.approx(sum(losses) / len(losses))
