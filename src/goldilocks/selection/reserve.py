"""Seconds of the budget reserved for the steps after the race: footprints, decision, test set, bundle.

A search keeps its budget as a whole, so the race ends earlier. What follows takes about as long for the next candidate
as for the finished ones; before one has finished, a guess is used. The machine's load is in the measured seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from goldilocks.records import Trial

MEASURING = 3.0
"""A footprint, before one was measured: a fresh Python that loads a model and answers for 1.3 s."""
WRITING = 2.0
"""Decision, bundle and report of a small model."""
MOST = 0.4
"""Share of the budget that is kept back at most, so that a short search buys anything at all."""


@dataclass(slots=True)
class Reserve:
    """What is kept back, from what was seen so far."""

    budget_seconds: float
    n_test: int
    """Items of the test part."""
    measured: list[float] = field(default_factory=list)
    """Seconds that each footprint took."""

    def seconds(self, trials: Sequence[Trial]) -> float:
        """To be left when the next purchase ends: its footprint, the slowest finished model on the test part, a bundle.

        A bundle is read back before it is handed over, which loads the model once more, as a footprint does.
        """
        footprint = max(self.measured, default=MEASURING)
        slowest = max((trial.seconds_per_text for trial in trials if trial.share >= 1), default=0.0)
        return min(2 * footprint + slowest * self.n_test + WRITING, MOST * self.budget_seconds)
