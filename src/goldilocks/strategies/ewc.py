"""Elastic weight consolidation: each weight is pulled back as strongly as it matters for old rows.

How much a weight matters is the diagonal of the Fisher information on a sample of the old rows. These are not trained
on.

Source: Kirkpatrick et al. 2017, "Overcoming catastrophic forgetting in neural networks"; the diagonal is scaled to a
mean of 1, so that the strength is comparable with that of L2-SP and between models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from goldilocks.errors import InputError
from goldilocks.records import Gold, Part, Text, TrainingConfig
from goldilocks.strategies._shared.start_point import check_strength, without_weight_decay

if TYPE_CHECKING:
    from goldilocks.nets.network import Network
    from goldilocks.nets.objectives.start_point import StartPointObjective

SOURCE = (
    "Kirkpatrick et al. 2017, Overcoming catastrophic forgetting in neural networks; the empirical Fisher information, "
    "scaled to a mean of 1"
)
NEEDS_OLD_ROWS = True


@dataclass(frozen=True, slots=True)
class Options:
    """How strongly weights are pulled back, and how many rows say which."""

    strength: float = 1.0
    """Strength of the penalty, half of it times importance times squared distance from the bundle's weights; > 0."""
    rows: int = 300
    """Maximum number of old rows that the importance is estimated from."""


def check(options: Options) -> None:
    """See ``protocols.Strategy``.

    Raises:
        InputError: the strength is not a positive number, or there would be no row.
    """
    check_strength("ewc", options.strength)
    if options.rows < 1:
        raise InputError(f"ewc: rows is {options.rows}; it must be at least 1.")


def training_config(config: TrainingConfig) -> TrainingConfig:
    """See ``protocols.Strategy``."""
    return without_weight_decay(config)


def objective(
    network: Network,
    previous: Network,  # noqa: ARG001
    texts: Sequence[Text],  # noqa: ARG001
    gold: Sequence[Gold],
    old: Part,
    options: Options,
) -> StartPointObjective:
    """See ``protocols.ConstrainsUpdates``."""
    from goldilocks.nets.objectives.fisher import fisher_diagonal
    from goldilocks.nets.objectives.start_point import StartPointObjective

    importance = fisher_diagonal(network, old.texts[: options.rows], old.gold[: options.rows])
    return StartPointObjective(network, gold, strength=options.strength, importance=importance, free_head=False)
