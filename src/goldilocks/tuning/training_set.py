"""The training set of one training run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from goldilocks.records import Gold, Text


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Labelled items, and unlabelled ones for a semi-supervised loss."""

    texts: Sequence[Text]
    """Training items; in a file where they are streamed."""
    gold: Sequence[Gold] = ()
    """Their gold answers; empty for an objective that needs none."""
    unlabelled: Sequence[tuple[Text, Text]] = ()
    """Items without a gold answer, each with a varied copy, for ``TrainingConfig.unlabelled_loss``."""
