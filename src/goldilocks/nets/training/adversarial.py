"""Adversarial training: the loss is also (or instead) taken at perturbed token embeddings.

Sources: Miyato, Dai and Goodfellow 2017, "Adversarial Training Methods for Semi-Supervised Text Classification" (FGM);
Madry et al. 2018, "Towards Deep Learning Models Resistant to Adversarial Attacks" (PGD); Zhu et al. 2020, "FreeLB:
Enhanced Adversarial Training for Natural Language Understanding". Perturbations are bounded per item in the Euclidean
norm over all its tokens. PGD and FreeLB start at 0 and not at a random point, which the FreeLB paper allows; PGD's loss
is added to the clean one, as is FGM's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from goldilocks.records import Adversarial, TrainingConfig


class AdversarialTraining:
    """Backward passes of a training step; a plain one where no adversarial training is asked for."""

    def __init__(self, config: TrainingConfig, embedding: nn.Module | None) -> None:
        """Perturb the output of ``embedding``, ``(n_items, n_tokens, width)``; ``None`` only where it is off."""
        self.kind, self.radius = config.adversarial, config.adversarial_radius
        self.steps = 1 if self.kind is Adversarial.FGM else config.adversarial_steps
        self._embedding = embedding
        self._perturbations: list[Tensor] = []

    def backward(self, loss: Callable[[], Tensor]) -> Tensor:
        """Add the gradients of a step to those of the weights.

        Args:
            loss: Computes the loss; called several times, each time with the same dropout masks.

        Returns:
            The loss without a perturbation, detached.
        """
        if self.kind is Adversarial.NONE or self._embedding is None:
            value = loss()
            value.backward()  # type: ignore[no-untyped-call]
            return value.detach()
        generator = torch.get_rng_state()
        share = 1 / self.steps if self.kind is Adversarial.FREELB else 1.0
        self._perturbations = []
        clean: Tensor | None = None
        # FreeLB uses the gradients of its ascent steps, the first of which is clean; the others those at the end.
        passes = self.steps if self.kind is Adversarial.FREELB else self.steps + 1
        for number in range(passes):
            torch.set_rng_state(generator)
            used = self.kind is Adversarial.FREELB or number in (0, passes - 1)
            with self._perturbed():
                value = share * loss()
                self._backward(value, used)
            clean = value.detach() / share if clean is None else clean
            self._ascend()
        assert clean is not None
        return clean

    def _backward(self, value: Tensor, used: bool) -> None:
        """Gradients of the perturbations; those of the weights too if they are ``used``."""
        if used:
            value.backward()  # type: ignore[no-untyped-call]
            return
        gradients = torch.autograd.grad(value, self._perturbations)
        for perturbation, gradient in zip(self._perturbations, gradients, strict=True):
            perturbation.grad = gradient

    @contextmanager
    def _perturbed(self) -> Iterator[None]:
        """Inside, perturbations are added to the embeddings, one for each time they are looked up."""
        place = 0

        def add(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
            nonlocal place
            if not torch.is_grad_enabled():  # predictions that are targets, not trained
                return output
            if place == len(self._perturbations):
                self._perturbations.append(torch.zeros(output.shape, device=output.device, requires_grad=True))
            perturbation = self._perturbations[place]
            place += 1
            return output + perturbation.to(output.dtype)

        assert self._embedding is not None
        handle = self._embedding.register_forward_hook(add)
        try:
            yield
        finally:
            handle.remove()

    @torch.no_grad()
    def _ascend(self) -> None:
        """Move the perturbations up the loss, and back into the ball."""
        step = self.radius if self.steps == 1 else 2 * self.radius / self.steps
        for number, perturbation in enumerate(self._perturbations):
            assert perturbation.grad is not None
            moved = perturbation + step * _unit(perturbation.grad)
            norm = _norm(moved)
            moved *= (self.radius / norm.clamp(min=1e-12)).clamp(max=1.0)
            self._perturbations[number] = moved.requires_grad_(True)


def _norm(values: Tensor) -> Tensor:
    """Euclidean norm of each item, ``(n_items, 1, 1)``."""
    norms: Tensor = values.flatten(1).norm(dim=1)
    return norms.view(-1, *[1] * (values.dim() - 1))


def _unit(values: Tensor) -> Tensor:
    return values / _norm(values).clamp(min=1e-12)
