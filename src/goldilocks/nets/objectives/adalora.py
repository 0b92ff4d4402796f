"""AdaLoRA's training: a penalty added to the network's loss, and a budget of ranks that falls as it learns.

The importance of a triplet (a column of P, its singular value, a row of Q) is estimated from smoothed products of
weights and gradients; a budget that falls along a cubic curve says how many triplets of all layers together stay.

Source: Zhang et al. 2023, "AdaLoRA: Adaptive Budget Allocation for Parameter-Efficient Fine-Tuning".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from goldilocks.nets.layers.adalora import AdaLoraLinear
from goldilocks.nets.network import LOSS_OPTIONS, Network
from goldilocks.nets.tokenization.batching import Batch, Row
from goldilocks.nets.training.slots import Slot
from goldilocks.records import Gold

_PARTS = ("left", "values", "right")
_SMOOTHING = 0.85
"""Decay of importance and of its uncertainty (beta 1 and 2 in the paper)."""


def budget(progress: float, *, first: int, last: int, warmup: float, final: float) -> int:
    """Triplets that stay at ``progress`` (0 to 1) of the run: ``first``, then down a cubic curve, then ``last``.

    Args:
        progress: Share of the run that is over.
        first: Triplets of all layers at the start.
        last: Triplets of all layers at the end.
        warmup: Share of the run without pruning.
        final: Share of the run at its end with the last budget.

    Example:
        >>> [budget(at, first=100, last=50, warmup=0.1, final=0.3) for at in (0.0, 0.1, 0.4, 0.7, 1.0)]
        [100, 100, 56, 50, 50]
    """
    if progress < warmup:
        return first
    if progress >= 1 - final:
        return last
    left = 1 - (progress - warmup) / (1 - final - warmup)
    return round(last + (first - last) * left**3)


class AdaLoraObjective:
    """The network's own loss with the penalty, and the pruning between steps (``tuning.objective.Objective``)."""

    loss_options = LOSS_OPTIONS | {"unlabelled_loss"}
    """See ``tuning.objective.SupportsLossOptions``."""

    def __init__(
        self, network: Network, gold: Sequence[Gold], *, target_rank: float, penalty: float, warmup: float, final: float
    ) -> None:
        """Count the triplets.

        Args:
            network: With its layers wrapped already.
            gold: Gold answers of the training items.
            target_rank: Mean rank of a layer at the end.
            penalty: Weight of the orthogonality penalty.
            warmup: See ``budget``.
            final: See ``budget``.
        """
        self._network, self._gold = network, gold
        self._penalty, self._warmup, self._final = penalty, warmup, final
        self._layers = [name for name, layer in network.module.named_modules() if isinstance(layer, AdaLoraLinear)]
        self._first = sum(len(layer.values) for layer in _wrapped(network))
        self._last = round(target_rank * len(self._layers))
        self._sensitivity: dict[str, Tensor] = {}
        self._uncertainty: dict[str, Tensor] = {}

    def targets(self, rows: Sequence[Row]) -> list[Any]:
        """Those of the network's own loss."""
        return self._network.targets(rows, self._gold)

    def loss(self, network: Network, batch: Batch, targets: Sequence[Any]) -> Tensor:
        """The network's own loss; in training with the mean penalty of its layers."""
        loss = network.loss(network.backbone(batch), batch, targets)
        if not torch.is_grad_enabled():
            return loss
        penalties = [layer.penalty() for layer in _wrapped(network)]
        return loss + self._penalty * torch.stack(penalties).mean()

    @torch.no_grad()
    def before_step(self, slots: Mapping[str, Slot]) -> None:
        """Update the importance of every weight of the triplets from its gradient."""
        for name in self._names():
            slot = slots[name]
            if slot.working.grad is None:
                continue
            now = (slot.master * slot.working.grad.float()).abs()
            mean = self._sensitivity.setdefault(name, torch.zeros_like(now))
            mean.mul_(_SMOOTHING).add_(now, alpha=1 - _SMOOTHING)
            spread = self._uncertainty.setdefault(name, torch.zeros_like(now))
            spread.mul_(_SMOOTHING).add_((now - mean).abs(), alpha=1 - _SMOOTHING)

    @torch.no_grad()
    def after_step(self, slots: Mapping[str, Slot], progress: float) -> None:
        """Set the singular values to zero that the budget has no room for; they may come back while it falls."""
        keep = budget(progress, first=self._first, last=self._last, warmup=self._warmup, final=self._final)
        if keep >= self._first or not self._sensitivity:
            return
        scores = {layer: self._importance(layer) for layer in self._layers}
        ranked = torch.cat(list(scores.values())).sort(descending=True).values
        threshold = ranked[max(0, keep - 1)] if keep else ranked[0] + 1
        for layer, score in scores.items():
            slot = slots[f"{layer}.values"]
            slot.master[score < threshold] = 0.0
            if slot.working is not slot.master:
                slot.working.copy_(slot.master)

    def _names(self) -> Iterable[str]:
        return (f"{layer}.{part}" for layer in self._layers for part in _PARTS)

    def _importance(self, layer: str) -> Tensor:
        """Importance of each triplet: that of its singular value, and the means over its two vectors, ``(rank,)``."""
        left, values, right = (self._sensitivity[f"{layer}.{p}"] * self._uncertainty[f"{layer}.{p}"] for p in _PARTS)
        return values + left.mean(0) + right.mean(1)

    def state(self) -> dict[str, Tensor]:
        """The smoothed importance, for a checkpoint."""
        means = {f"sensitivity/{name}": value for name, value in self._sensitivity.items()}
        return means | {f"uncertainty/{name}": value for name, value in self._uncertainty.items()}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Restore ``state``."""
        for name, value in state.items():
            kind, _, weight = name.partition("/")
            (self._sensitivity if kind == "sensitivity" else self._uncertainty)[weight] = value.clone()


def _wrapped(network: Network) -> list[AdaLoraLinear]:
    return [layer for layer in network.module.modules() if isinstance(layer, AdaLoraLinear)]
