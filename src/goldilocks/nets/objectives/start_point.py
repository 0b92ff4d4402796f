"""L2-SP and EWC: the network's own loss with a penalty on the distance of weights from where they started.

L2-SP pulls all weights alike. Elastic weight consolidation pulls each as strongly as it matters for the rows that the
network was trained on before (``nets/objectives/fisher.py``).

Source: Li et al. 2018, "Explicit Inductive Bias for Transfer Learning with Convolutional Networks"; Kirkpatrick et al.
2017, "Overcoming catastrophic forgetting in neural networks".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from goldilocks.nets.network import LOSS_OPTIONS, Network
from goldilocks.nets.tokenization.batching import Batch, Row
from goldilocks.nets.training.slots import Slot
from goldilocks.records import Gold


class StartPointObjective:
    """The own loss; between steps ``strength * importance * (weight - start)`` is added to gradients
    (``tuning.objective``).

    The reported training loss is the network's own, without the penalty.
    """

    loss_options = LOSS_OPTIONS | {"unlabelled_loss"}
    """See ``tuning.objective.SupportsLossOptions``."""

    def __init__(
        self,
        network: Network,
        gold: Sequence[Gold],
        *,
        strength: float,
        importance: Mapping[str, Tensor] | None = None,
        free_head: bool = True,
    ) -> None:
        """Keep the gold answers; starting weights are copied before the first step.

        Args:
            network: Prepared by its method.
            gold: Gold answers of the training items.
            strength: Strength of the penalty ``strength / 2 * ||weight - start||**2``, above 0.
            importance: Name of a weight of ``network.module`` -> factor of the penalty for each of its elements, of its
                shape; a weight that is not named has 1.
            free_head: Whether the head moves without a penalty, as one that has not been trained yet should.
        """
        self._network, self._gold, self._strength = network, gold, strength
        self._importance = dict(importance or {})
        head = (name for name, _ in network.module.named_parameters() if name.startswith("head."))
        self._free = set(head) if free_head else set()
        self._start: dict[str, Tensor] = {}

    def targets(self, rows: Sequence[Row]) -> list[Any]:
        """Those of the network's own loss."""
        return self._network.targets(rows, self._gold)

    def loss(self, network: Network, batch: Batch, targets: Sequence[Any]) -> Tensor:
        """The network's own loss."""
        return network.loss(network.backbone(batch), batch, targets)

    @torch.no_grad()
    def before_step(self, slots: Mapping[str, Slot]) -> None:
        """Add the gradient of the penalty; an untrained head has no starting point worth keeping."""
        for name, slot in slots.items():
            if name in self._free or slot.working.grad is None:
                continue
            start = self._start.setdefault(name, slot.master.detach().clone())
            # The difference is taken in float32: in bfloat16 it would round to 0 for as long as weights move little.
            pull = (slot.master - start.to(slot.master.device)) * self._strength
            if name in self._importance:
                pull *= slot.rows_of(self._importance[name]).to(pull.device)
            slot.working.grad.add_(pull.to(slot.working.grad.dtype))

    def after_step(self, slots: Mapping[str, Slot], progress: float) -> None:
        """Nothing changes between steps."""

    def state(self) -> dict[str, Tensor]:
        """The starting weights: a resumed run is pulled to where it began, not to where it was interrupted."""
        return dict(self._start)

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Restore ``state``."""
        self._start = {name: value.clone() for name, value in state.items()}
