"""AdamW with float32 master weights for training in bfloat16.

On a CPU the optimiser is bound by memory, not arithmetic: each step moves some 30 bytes per weight. So the gradient
stays bfloat16 until it is used, and weights are done in buckets small enough that a bucket's float32 gradient never
leaves the cache.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.optim.adamw import adamw

from goldilocks.nets.training.slots import Norm, Slot, gradient_norm

BUCKET = 1_000_000
"""Weights per bucket: 4 MB of gradient."""


class MasterAdamW:
    """AdamW (Loshchilov and Hutter 2019), with gradients clipped by their global norm, on torch's fused kernel."""

    def __init__(self, slots: list[Slot], *, clip_norm: float, norm: Norm = gradient_norm) -> None:
        """Put weights of equal rate and decay into buckets; ``norm`` is the global norm of the gradients."""
        self.slots, self._norm = slots, norm
        self.clip_norm = clip_norm
        for slot in slots:
            slot.begin_moments()
        self.updates = 0
        kinds: dict[tuple[float, float], list[list[Slot]]] = {}
        for slot in slots:
            buckets = kinds.setdefault((slot.peak, slot.decay), [[]])
            if buckets[-1] and sum(other.master.numel() for other in buckets[-1]) + slot.master.numel() > BUCKET:
                buckets.append([])
            buckets[-1].append(slot)
        self._buckets = [bucket for buckets in kinds.values() for bucket in buckets]

    @torch.no_grad()
    def step(self, rate_share: float) -> None:
        """Apply the gradients and clear them. A step whose gradient is not finite is skipped."""
        norm = self._norm(self.slots)
        if math.isfinite(norm):
            scale = min(1.0, self.clip_norm / (norm + 1e-6)) if self.clip_norm else 1.0
            self.updates += 1
            over = None if scale == 1.0 else torch.tensor(1 / scale, device=self.slots[0].master.device)
            for bucket in self._buckets:
                _step(bucket, rate_share, over)
        for slot in self.slots:
            slot.working.grad = None

    def state(self) -> dict[str, Tensor]:
        """Moments of each weight, under ``first/NAME`` and ``second/NAME``."""
        return {f"{moment}/{slot.name}": getattr(slot, moment) for slot in self.slots for moment in ("first", "second")}

    @torch.no_grad()
    def load_state(self, state: Mapping[str, Tensor], updates: int) -> None:
        """Continue from a ``state`` taken after ``updates`` updates."""
        self.updates = updates
        for slot in self.slots:
            slot.steps.fill_(updates)
            if f"first/{slot.name}" in state:
                slot.first.copy_(state[f"first/{slot.name}"])
                slot.second.copy_(state[f"second/{slot.name}"])


def _step(bucket: list[Slot], rate_share: float, over: Tensor | None) -> None:
    # The kernel divides by ``over`` what it reads anyway: clipping costs no pass of its own.
    bucket = [slot for slot in bucket if slot.working.grad is not None]
    if not bucket:
        return
    adamw(
        [slot.master for slot in bucket],
        [slot.working.grad.float() for slot in bucket if slot.working.grad is not None],
        [slot.first for slot in bucket],
        [slot.second for slot in bucket],
        [],
        [slot.steps for slot in bucket],
        fused=True,
        grad_scale=over,
        amsgrad=False,
        beta1=0.9,
        beta2=0.999,
        lr=bucket[0].peak * rate_share,
        weight_decay=bucket[0].decay,
        eps=1e-8,
        maximize=False,
    )
    for slot in bucket:
        if slot.working is not slot.master:
            slot.working.copy_(slot.master)
