"""What a method can minimise in place of the loss of a network's head, and what else such an objective can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from goldilocks.nets.network import Network
from goldilocks.nets.tokenization.batching import Batch, Row
from goldilocks.nets.training.slots import Slot
from goldilocks.records import TrainingConfig


class Objective(Protocol):
    """What is minimised in place of the network's own loss."""

    def targets(self, rows: Sequence[Row]) -> list[Any]:
        """The target of each training row."""

    def loss(self, network: Network, batch: Batch, targets: Sequence[Any]) -> Tensor:
        """Mean loss of a batch, with gradients."""


@runtime_checkable
class SupportsLossOptions(Protocol):
    """An objective (besides ``Objective``) that contains the loss of the network's head, with the options that change
    it.
    """

    @property
    def loss_options(self) -> frozenset[str]:
        """Those of ``LOSS_OPTIONS`` and ``unlabelled_loss`` that have their effect here too; others are refused."""


@runtime_checkable
class AdjustsSteps(Protocol):
    """An objective (besides ``Objective``) that acts before and after each step of the optimiser, and has a state."""

    def before_step(self, slots: Mapping[str, Slot]) -> None:
        """Gradients are there. ``slots``: name of a trained weight -> the weight."""

    def after_step(self, slots: Mapping[str, Slot], progress: float) -> None:
        """The weights have moved; ``progress`` is the share of the run, 0 to 1."""

    def state(self) -> dict[str, Tensor]:
        """What a resumed run needs."""

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Restore ``state``."""


@runtime_checkable
class PlansBatches(Protocol):
    """An objective (besides ``Objective``) that compares the items of a batch, and so chooses which are in it."""

    def batches(self, epoch: int, targets: Sequence[Any], config: TrainingConfig, seed: int) -> list[list[int]]:
        """The batches of an epoch (positions of rows), in order; the same for the same epoch and seed."""
