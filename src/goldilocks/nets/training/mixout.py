"""Mixout: in each step a weight is replaced by its pretrained value with some probability.

Source: Lee, Cho and Kang 2020, "Mixout: Effective Regularization to Finetune Large-scale Pretrained Language Models",
equation 6: the forward pass uses ``(m u + (1 - m) w - p u) / (1 - p)`` with m ~ Bernoulli(p), whose mean is w. As in
the paper the matrices of the blocks are mixed, and neither embeddings nor head.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from goldilocks.nets.training.slots import Slot


class Mixout:
    """Mixes the matrices of a network with their values at the start; off where the probability is 0."""

    def __init__(self, slots: Sequence[Slot], probability: float) -> None:
        """Keep the present values of ``slots``, the weights to mix."""
        self.probability = probability
        self._slots = list(slots) if probability else []
        self._start = [slot.working.detach().clone() for slot in self._slots]

    @contextmanager
    def mixed(self) -> Iterator[None]:
        """Inside, the working weights are mixed; afterwards they and their gradients are those of the true weights."""
        own: list[tuple[Slot, Tensor, Tensor]] = []
        keep = 1 - self.probability
        for slot, start in zip(self._slots, self._start, strict=True):
            kept = (torch.rand(start.shape, device=start.device) < keep).to(start.dtype)
            own.append((slot, slot.working.detach().clone(), kept))
            # (1 - m) (w - u) / (1 - p) + u: the formula above, rearranged.
            slot.working.data.copy_((slot.working.data - start) * kept / keep + start)
        try:
            yield
        finally:
            for slot, weight, kept in own:
                slot.working.data.copy_(weight)
                if slot.working.grad is not None:
                    slot.working.grad.mul_(kept / keep)
