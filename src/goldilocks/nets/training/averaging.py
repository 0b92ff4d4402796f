"""Averages of the weights over training steps, which answer in place of the last weights.

Sources: Polyak and Juditsky 1992 (averaging); Izmailov et al. 2018, "Averaging Weights Leads to Wider Optima and Better
Generalization" (SWA). SWA averages once per epoch; fine-tuning has few epochs, so ours averages after every step of the
last part of training. Like the paper's it belongs with a rate that does not fall to 0 (``schedule: constant``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from goldilocks.nets.training.slots import Slot
from goldilocks.records import Averaging, TrainingConfig


class WeightAverage:
    """The average of each trained weight; empty where no average is asked for or none has begun."""

    def __init__(self, config: TrainingConfig) -> None:
        """Nothing is averaged yet."""
        self.kind, self.decay, self.start = config.average, config.ema_decay, config.swa_start
        self.count = 0
        """Steps in the average."""
        self._means: dict[str, Tensor] = {}

    @torch.no_grad()
    def update(self, slots: Sequence[Slot], progress: float) -> None:
        """Include the weights after a step at ``progress`` (0 to 1)."""
        if self.kind is Averaging.NONE or (self.kind is Averaging.SWA and progress < self.start):
            return
        self.count += 1
        # With a full decay the average would early on be mostly the weights before training.
        decay = min(self.decay, self.count / (9 + self.count))
        share = 1 / self.count if self.kind is Averaging.SWA else 1 - decay
        for slot in slots:
            if slot.name in self._means:
                self._means[slot.name].lerp_(slot.master.detach(), share)
            else:
                self._means[slot.name] = slot.master.detach().clone()

    @contextmanager
    def applied(self, slots: Sequence[Slot]) -> Iterator[None]:
        """Inside, the masters hold the averages; afterwards what they held before."""
        if not self._means:
            yield
            return
        with torch.no_grad():
            before = [slot.master.detach().clone() for slot in slots]
            for slot in slots:
                slot.master.copy_(self._means[slot.name])
        try:
            yield
        finally:
            with torch.no_grad():
                for slot, master in zip(slots, before, strict=True):
                    slot.master.copy_(master)

    def state(self) -> dict[str, Tensor]:
        """The averages, under ``average/NAME``."""
        return {f"average/{name}": mean for name, mean in self._means.items()}

    def load_state(self, state: Mapping[str, Tensor], count: int) -> None:
        """Continue from a ``state`` that was taken after ``count`` steps."""
        self.count = count
        averages = {key.removeprefix("average/"): mean for key, mean in state.items() if key.startswith("average/")}
        self._means = {name: mean.clone() for name, mean in averages.items()}
