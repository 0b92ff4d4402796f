"""Predicted seconds of purchases: forecasts, corrected by the runs that have begun."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldilocks.catalog.planned_schedules import PlannedForecasts
from goldilocks.selection.time_correction import FIXED_SECONDS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PurchaseTimes:
    """What the full runs of a pool are forecast to take, ``(n,)`` each."""

    predicted: Floats
    """Seconds of each full run."""
    once: Floats
    """Share of the seconds that the frozen layers take once."""
    behind: Floats
    """Share of the seconds that is over at each rung, ``(n, rungs)``."""
    families: Ints
    """Number of each candidate's family."""

    @classmethod
    def of(cls, forecasts: PlannedForecasts, families: Ints, rungs: Sequence[float]) -> PurchaseTimes:
        """Those of a pool, a forecast for each candidate; ``families`` as below."""
        once = forecasts.once[:, None]
        behind = once + (1 - once) * np.array(rungs, dtype=np.float64)  # ``Forecast.behind``
        return cls(forecasts.seconds, forecasts.once, behind, families)

    def to_each_rung(self, done: Ints, spent: Floats, again: Sequence[int]) -> Floats:
        """Predicted seconds from each candidate's current rung to each rung, ``(n, rungs)``.

        Args:
            done: Rungs that each candidate has.
            spent: Seconds that its run took so far, its answers left out.
            again: Candidates whose frozen layers have to run again.
        """
        last = self.behind.shape[1] - 1
        at, full = self._position(done, spent)
        ahead = np.maximum(self.behind - at[:, None], 0.0)
        places = list(again)
        reached = np.arange(last + 1) >= done[places][:, None]
        ahead[places] += np.where(reached, self.once[places][:, None], 0.0)
        return np.asarray(ahead * full[:, None])

    def fixed(self, done: Ints, spent: Floats, again: Sequence[int]) -> Floats:
        """Seconds that finishing takes whatever is trained, ``(n,)``: frozen layers that (still) have to run over all
        items. Arguments as for ``to_each_rung``.
        """
        due = done == 0
        due[list(again)] = True
        return np.asarray(np.where(due, self.once * self._position(done, spent)[1], 0.0))

    def _position(self, done: Ints, spent: Floats) -> tuple[Floats, Floats]:
        """Share of the seconds of a full run that is over, and the seconds of the full run, ``(n,)`` each."""
        last = self.behind.shape[1] - 1
        begun = done > 0
        at = np.where(begun, self.behind[np.arange(len(done)), np.clip(done - 1, 0, last)], 0.0)
        corrected = self.predicted * self.ratios(done, spent)
        return at, np.where(begun, spent / np.where(begun & (at > 0), at, 1.0), corrected)

    def ratios(self, done: Ints, spent: Floats) -> Floats:
        """How many times as long as predicted runs take: ``time_correction.time_ratio`` of each one's family, ``(n,)``.

        Of a family that has not run the mean of the others, as if one more had kept to its forecast: a busy machine
        slows all of them.
        """
        begun = np.flatnonzero(done > 0)
        predicted = self.behind[begun, done[begun] - 1] * self.predicted[begun]
        logs = np.log((spent[begun] + FIXED_SECONDS) / (predicted + FIXED_SECONDS))
        families, size = self.families[begun], int(self.families.max(initial=-1)) + 1
        counts = np.bincount(families, minlength=size)
        means = np.bincount(families, weights=logs, minlength=size) / np.maximum(counts, 1)
        seen = counts > 0
        return np.asarray(np.exp(np.where(seen, means, means[seen].sum() / (seen.sum() + 1)))[self.families])
