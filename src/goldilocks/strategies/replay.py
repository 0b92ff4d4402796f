"""Experience replay: a bounded, stratified sample of the old rows is trained on among the new ones.

The simplest strategy, and a strong one wherever old rows may be kept.

Source: Chaudhry et al. 2019, "On Tiny Episodic Memories in Continual Learning"; the sample is drawn once (stratified by
label) and its rows are mixed with the new ones in every epoch, where the paper draws a batch from memory in every step.
"""

from __future__ import annotations

from dataclasses import dataclass

from goldilocks.errors import InputError
from goldilocks.records import Part, TrainingConfig

SOURCE = (
    "Chaudhry et al. 2019, On Tiny Episodic Memories in Continual Learning; the sample is drawn once and mixed with "
    "the new rows in every epoch"
)
NEEDS_OLD_ROWS = True


@dataclass(frozen=True, slots=True)
class Options:
    """How much is kept."""

    rows: int = 1000
    """Maximum number of old rows that are trained on."""


def check(options: Options) -> None:
    """See ``protocols.Strategy``.

    Raises:
        InputError: there would be no row.
    """
    if options.rows < 1:
        raise InputError(f"replay: rows is {options.rows}; it must be at least 1.")


def training_config(config: TrainingConfig) -> TrainingConfig:
    """As it is."""
    return config


def replayed(old: Part, options: Options) -> Part:
    """See ``protocols.ReplaysRows``."""
    return old.take(list(range(min(options.rows, len(old)))))
