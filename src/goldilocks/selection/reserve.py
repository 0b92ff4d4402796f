"""Seconds of the budget reserved for the steps after the race: footprints, decision, test set, bundle.

A search keeps its budget as a whole, so the race ends earlier. The test part costs answers and the metric, which may
run programs. What follows takes about as long for the next candidate
as for the finished ones; before one has finished, a guess is used. The machine's load is in the measured seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from goldilocks.bundle.reference import ANSWERED, EMBEDDED, SECONDS
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
    n_validation: int
    """Items of the validation part."""
    measured: dict[str, float] = field(default_factory=dict)
    """Candidate -> seconds that its footprint took."""

    def seconds(self, trials: Sequence[Trial]) -> float:
        """To be left when the next purchase ends: its footprint, the winner on the test part, and its bundle.

        The winner is taken to be the slowest of the finished candidates whose score may be as good as the best: a slow
        one that is far behind will not be scored on the test part. A bundle is read back before it is handed over,
        which loads the model once more, as a footprint does.
        """
        contenders = _contenders([trial for trial in trials if trial.share >= 1])
        slowest = max((trial.seconds_per_text for trial in contenders), default=0.0)
        scoring = max((trial.scoring_seconds for trial in contenders), default=0.0) / max(self.n_validation, 1)
        footprint = max(self.measured.values(), default=MEASURING)
        loading = max((self.measured.get(trial.candidate, footprint) for trial in contenders), default=footprint)
        testing = (slowest + scoring) * self.n_test
        return min(footprint + loading + testing + _profiling(slowest) + WRITING, MOST * self.budget_seconds)


def _profiling(per_text: float) -> float:
    """Seconds of the bundle's reference profile: answers and embeddings of a sample."""
    return sum(min(SECONDS, per_text * items) for items in (ANSWERED, EMBEDDED))


def _contenders(finished: Sequence[Trial]) -> list[Trial]:
    """Those whose interval overlaps that of the lowest loss."""
    if not finished:
        return []
    best = min(finished, key=lambda trial: trial.loss).score
    return [trial for trial in finished if trial.score.low <= best.high and trial.score.high >= best.low]
