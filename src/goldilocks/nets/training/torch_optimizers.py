"""torch's own optimisers (SGD, Adafactor) on float32 master weights, and the choice of an optimiser by name."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from goldilocks.nets.training.adamw import MasterAdamW
from goldilocks.nets.training.slots import Norm, Optimizer, Slot, gradient_norm
from goldilocks.records import OptimizerName

_MOMENTUM = 0.9


def optimizer_for(name: OptimizerName, slots: list[Slot], *, clip_norm: float, norm: Norm = gradient_norm) -> Optimizer:
    """The optimiser of that name for these weights.

    Args:
        name: Which one.
        slots: The weights, each with its peak rate and decay.
        clip_norm: Largest global norm of the gradients; 0: they are not clipped.
        norm: Computes that norm.
    """
    if name is OptimizerName.ADAMW:
        return MasterAdamW(slots, clip_norm=clip_norm, norm=norm)
    groups = [{"params": [slot.master], "lr": slot.peak, "weight_decay": slot.decay} for slot in slots]
    if name is OptimizerName.SGD:
        return _TorchOptimizer(torch.optim.SGD(groups, momentum=_MOMENTUM, nesterov=True), slots, clip_norm, norm)
    return _TorchOptimizer(torch.optim.Adafactor(groups), slots, clip_norm, norm)


class _TorchOptimizer:
    """A ``torch.optim.Optimizer`` with one parameter group for each weight."""

    def __init__(self, inner: torch.optim.Optimizer, slots: list[Slot], clip_norm: float, norm: Norm) -> None:
        self.inner, self.slots, self.clip_norm, self.updates, self._norm = inner, slots, clip_norm, 0, norm

    @torch.no_grad()
    def step(self, rate_share: float) -> None:
        """See ``Optimizer.step``."""
        norm = self._norm(self.slots)
        if math.isfinite(norm):
            self.updates += 1
            scale = min(1.0, self.clip_norm / (norm + 1e-6)) if self.clip_norm else 1.0
            for slot, group in zip(self.slots, self.inner.param_groups, strict=True):
                group["lr"] = slot.peak * rate_share
                gradient = slot.working.grad
                slot.master.grad = None if gradient is None else gradient.float() * scale
            self.inner.step()
        for slot in self.slots:
            slot.master.grad = slot.working.grad = None
            if slot.working is not slot.master:
                slot.working.copy_(slot.master)

    def state(self) -> dict[str, Tensor]:
        """See ``Optimizer.state``; tensors under ``optimizer/ENTRY/NAME``."""
        return {
            f"optimizer/{entry}/{slot.name}": value
            for slot in self.slots
            for entry, value in self.inner.state.get(slot.master, {}).items()
            if isinstance(value, Tensor)
        }

    def load_state(self, state: Mapping[str, Tensor], updates: int) -> None:
        """See ``Optimizer.load_state``."""
        self.updates = updates
        masters = {slot.name: slot.master for slot in self.slots}
        for key, value in state.items():
            kind, _, rest = key.partition("/")
            entry, _, name = rest.partition("/")
            if kind == "optimizer" and name in masters:
                master = masters[name]
                self.inner.state[master][entry] = value.clone().to(master.device)
