from __future__ import annotations

import pytest
import torch
from torch import nn

from goldilocks.nets.training.adversarial import AdversarialTraining
from goldilocks.records import Adversarial, TrainingConfig

IDS = torch.tensor([[0, 1], [2, 2]])


def config(kind: Adversarial, *, radius: float = 0.5, steps: int = 3) -> TrainingConfig:
    return TrainingConfig(1, 1.0, 1.0, adversarial=kind, adversarial_radius=radius, adversarial_steps=steps)


class Model(nn.Module):
    """Embeddings and a linear score; the loss of an item is the square of the score of its two tokens together."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words = nn.Embedding(3, 4)
        self.score = nn.Linear(8, 1)
        self.seen: list[torch.Tensor] = []

    def embedded(self) -> torch.Tensor:
        vectors: torch.Tensor = self.words(IDS)
        self.seen.append(vectors.detach().clone())
        return vectors

    def loss(self) -> torch.Tensor:
        loss: torch.Tensor = self.score(self.embedded().flatten(1)).square().mean()
        return loss


def test_fgm_adds_the_loss_one_radius_along_the_gradient() -> None:
    model, reference = Model(), Model()
    clean = AdversarialTraining(config(Adversarial.FGM), model.words).backward(model.loss)

    vectors = reference.words(IDS)
    vectors.retain_grad()
    first = reference.score(vectors.flatten(1)).square().mean()
    first.backward()
    # Miyato et al. 2017, equation 7: r = epsilon g / ||g||, over all tokens of an item.
    step = 0.5 * vectors.grad / vectors.grad.flatten(1).norm(dim=1)[:, None, None]
    second = reference.score((reference.words(IDS) + step).flatten(1)).square().mean()
    second.backward()

    assert float(clean) == pytest.approx(float(first.detach()))
    for ours, theirs in zip(model.parameters(), reference.parameters(), strict=True):
        assert torch.allclose(ours.grad, theirs.grad, atol=1e-5)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [Adversarial.FGM, Adversarial.PGD, Adversarial.FREELB])
def test_perturbations_stay_in_the_ball_and_raise_the_loss(kind: Adversarial) -> None:
    model = Model()
    losses: list[float] = []

    def loss() -> torch.Tensor:
        value = model.loss()
        losses.append(float(value.detach()))
        return value

    adversary = AdversarialTraining(config(kind, radius=0.3, steps=4), model.words)
    adversary.backward(loss)

    shifts = [(vectors - model.seen[0]).flatten(1).norm(dim=1) for vectors in model.seen]
    assert all(float(shift.max()) <= 0.3 + 1e-5 for shift in shifts)
    assert float(shifts[-1].min()) > 0.29
    assert losses[-1] > losses[0]
    # FGM: clean and once perturbed; PGD: clean, three steps, the last; FreeLB uses its four ascent steps.
    assert len(losses) == {Adversarial.FGM: 2, Adversarial.PGD: 5, Adversarial.FREELB: 4}[kind]


def test_freelb_averages_the_gradients_of_its_steps() -> None:
    model, reference = Model(), Model()
    AdversarialTraining(config(Adversarial.FREELB, steps=3), model.words).backward(model.loss)
    for vectors in model.seen:
        shift = vectors - reference.words(IDS).detach()
        (reference.score((reference.words(IDS) + shift).flatten(1)).square().mean() / 3).backward()
    for ours, theirs in zip(model.parameters(), reference.parameters(), strict=True):
        assert torch.allclose(ours.grad, theirs.grad, atol=1e-5)  # type: ignore[arg-type]


def test_pgd_uses_the_clean_gradient_and_the_last() -> None:
    model, reference = Model(), Model()
    AdversarialTraining(config(Adversarial.PGD, steps=3), model.words).backward(model.loss)
    for vectors in (model.seen[0], model.seen[-1]):
        shift = vectors - reference.words(IDS).detach()
        reference.score((reference.words(IDS) + shift).flatten(1)).square().mean().backward()
    for ours, theirs in zip(model.parameters(), reference.parameters(), strict=True):
        assert torch.allclose(ours.grad, theirs.grad, atol=1e-5)  # type: ignore[arg-type]


def test_every_pass_has_the_same_dropout_masks() -> None:
    model = Model()
    masks: list[torch.Tensor] = []

    def loss() -> torch.Tensor:
        masks.append(torch.rand(5))
        return model.loss()

    AdversarialTraining(config(Adversarial.PGD), model.words).backward(loss)
    assert all(torch.equal(mask, masks[0]) for mask in masks)
