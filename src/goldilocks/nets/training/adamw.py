"""AdamW with float32 master weights for training in bfloat16, and the learning-rate schedule.

On a CPU the optimiser is bound by memory, not arithmetic: each step moves some 30 bytes per weight. So the gradient
stays bfloat16 until it is used, and weights are done in buckets small enough that a bucket's float32 gradient never
leaves the cache.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.optim.adamw import adamw

BUCKET = 1_000_000
"""Weights per bucket: 4 MB of gradient."""


def rate_share(progress: float, warmup_share: float) -> float:
    """Share of the peak learning rate at ``progress`` (0 to 1): linear warm-up, then linear decay to 0.

    Example:
        >>> [rate_share(at, 0.5) for at in (0.25, 0.5, 0.75, 1.0)]
        [0.5, 1.0, 0.5, 0.0]
    """
    if progress < warmup_share:
        return progress / warmup_share
    return (1 - progress) / (1 - warmup_share) if progress < 1 else 0.0


@dataclass(slots=True)
class Slot:
    """One trained weight with its optimiser state."""

    name: str
    master: Tensor
    """float32."""
    working: Tensor
    """The parameter that has gradients; the master itself where it is float32."""
    peak: float
    """Peak learning rate."""
    decay: float
    first: Tensor = field(init=False)
    second: Tensor = field(init=False)
    """First and second moment of the gradient."""
    steps: Tensor = field(init=False)

    def __post_init__(self) -> None:
        """Moments start at 0."""
        self.first = torch.zeros_like(self.master)
        self.second = torch.zeros_like(self.master)
        self.steps = torch.zeros((), dtype=torch.float32, device=self.master.device)


class MasterAdamW:
    """AdamW (Loshchilov and Hutter 2019), with gradients clipped by their global norm, on torch's fused kernel."""

    def __init__(self, slots: list[Slot], *, clip_norm: float) -> None:
        """Put weights of equal rate and decay into buckets."""
        self.slots = slots
        self.clip_norm = clip_norm
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
        grads = [slot.working.grad for slot in self.slots if slot.working.grad is not None]
        # Each weight's norm in its own precision (bfloat16: to 0.4 %, enough to clip by), their sum in float32.
        norm = float(torch.stack([grad.norm().float() for grad in grads]).norm())
        if norm == norm and norm != float("inf"):  # NaN is the one value that differs from itself
            scale = min(1.0, self.clip_norm / (norm + 1e-6)) if self.clip_norm else 1.0
            self.updates += 1
            over = None if scale == 1.0 else torch.tensor(1 / scale, device=grads[0].device)
            for bucket in self._buckets:
                _step(bucket, rate_share, over)
        for slot in self.slots:
            slot.working.grad = None


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
