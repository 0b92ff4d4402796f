"""Trained weights as an optimiser sees them: a float32 master, and the working copy that has the gradient."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor


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
    rows: Tensor | None = None
    """Rows of the network's weight that it holds, where it is a table of which only some rows are trained."""
    first: Tensor = field(init=False)
    second: Tensor = field(init=False)
    """First and second moment of the gradient; set by ``begin_moments``."""
    steps: Tensor = field(init=False)

    def rows_of(self, full: Tensor) -> Tensor:
        """The part of ``full`` (of the shape of the network's weight) that belongs to this slot."""
        return full if self.rows is None else full[self.rows.to(full.device)]

    def begin_moments(self) -> None:
        """Moments start at 0."""
        self.first = torch.zeros_like(self.master)
        self.second = torch.zeros_like(self.master)
        self.steps = torch.zeros((), dtype=torch.float32, device=self.master.device)


class Optimizer(Protocol):
    """What the training loop needs of an optimiser."""

    slots: list[Slot]
    updates: int
    """Steps whose gradient was finite."""

    def step(self, rate_share: float) -> None:
        """Apply the gradients at this share of the peak rates and clear them; skip gradients that are not finite."""

    def state(self) -> dict[str, Tensor]:
        """What it remembers between steps, for a checkpoint."""

    def load_state(self, state: Mapping[str, Tensor], updates: int) -> None:
        """Continue from ``state``; other tensors in it are ignored."""


Norm = Callable[[Sequence[Slot]], float]
"""Global norm of the gradients at some slots."""


def gradient_norm(slots: Sequence[Slot]) -> float:
    """Global Euclidean norm of the gradients; 0 where there are none."""
    # Each weight's norm in its own precision (bfloat16: to 0.4 %, enough to clip by), their sum in float32.
    norms = [slot.working.grad.norm().float() for slot in slots if slot.working.grad is not None]
    return float(torch.stack(norms).norm()) if norms else 0.0
