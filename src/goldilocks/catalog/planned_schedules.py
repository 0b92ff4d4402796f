"""Schedules and forecasts of all candidates as arrays, which read as mappings from names to records.

Before each purchase of a race, the schedules of all candidates may change (``selection/late_schedules.py``). With
thousands of candidates it takes too long to make a record for each of them, so a record is made when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from goldilocks.records import Forecast, ShortSchedule

Floats = npt.NDArray[np.float64]
_Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class PlannedSchedules(Mapping[str, ShortSchedule]):
    """Candidate -> its schedule, for candidates that do not have their full one."""

    place: Mapping[str, int]
    """Candidate -> its place in the arrays, in ascending order."""
    epochs: Floats
    """As in ``ShortSchedule``, ``(n,)``; 0: the full schedule. So are the others."""
    full_epochs: Floats
    full_seconds: Floats
    rows: Floats

    @classmethod
    def of(cls, place: Mapping[str, int], schedules: Mapping[str, ShortSchedule]) -> PlannedSchedules:
        """Those of the candidates in ``place``; of others there may be schedules too, which are left out."""
        if isinstance(schedules, cls) and schedules.place is place:
            return schedules
        made = cls(place, *np.zeros((4, len(place))))
        for name, schedule in schedules.items():
            if (at := place.get(name)) is not None:
                made.epochs[at], made.full_epochs[at] = schedule.epochs, schedule.full_epochs
                made.full_seconds[at], made.rows[at] = schedule.full_seconds, schedule.rows
        return made

    @property
    def shortened(self) -> _Mask:
        """Which candidates have a schedule here, ``(n,)``."""
        return np.asarray(self.epochs > 0)

    @property
    def epoch_shares(self) -> Floats:
        """Epochs as a share of those of the full schedule, ``(n,)``; 1 for the full schedule."""
        ones = np.ones(len(self.epochs))
        return np.divide(self.epochs, self.full_epochs, out=ones, where=self.shortened)

    @property
    def shares(self) -> Floats:
        """``ShortSchedule.share`` of each, ``(n,)``; 1 for the full schedule."""
        ones = np.ones(len(self.epochs))
        return np.divide(self.epochs * self.rows, self.full_epochs, out=ones, where=self.shortened)

    def differs(self, other: PlannedSchedules) -> _Mask:
        """Which candidates have another schedule in ``other``, ``(n,)``."""
        pairs = zip(self._arrays(), other._arrays(), strict=True)
        return np.asarray(np.any([mine != theirs for mine, theirs in pairs], axis=0))

    def updated(self, where: _Mask, other: PlannedSchedules) -> PlannedSchedules:
        """The same, with the schedules of ``other`` for some candidates."""
        pairs = zip(self._arrays(), other._arrays(), strict=True)
        return PlannedSchedules(self.place, *(np.where(where, theirs, mine) for mine, theirs in pairs))

    def _arrays(self) -> tuple[Floats, Floats, Floats, Floats]:
        return self.epochs, self.full_epochs, self.full_seconds, self.rows

    def __getitem__(self, name: str) -> ShortSchedule:
        """The schedule of a candidate; KeyError where it has the full one."""
        at = self.place[name]
        if not self.epochs[at] > 0:
            raise KeyError(name)
        return ShortSchedule(*(float(values[at]) for values in self._arrays()))

    def __iter__(self) -> Iterator[str]:
        """Names of the candidates that have a schedule here."""
        return (name for name, shortened in zip(self.place, self.shortened.tolist(), strict=True) if shortened)

    def __len__(self) -> int:
        """How many have one."""
        return int(self.shortened.sum())


@dataclass(frozen=True, slots=True, eq=False)
class PlannedForecasts(Mapping[str, Forecast]):
    """Candidate -> the forecast of its run with its schedule."""

    place: Mapping[str, int]
    """Candidate -> its place in the arrays, in ascending order."""
    seconds: Floats
    """As in ``Forecast``, ``(n,)``."""
    once: Floats
    """As in ``Forecast``, ``(n,)``."""
    given: Mapping[str, Forecast]
    """For all that does not depend on the schedule."""

    @classmethod
    def of(cls, place: Mapping[str, int], forecasts: Mapping[str, Forecast]) -> PlannedForecasts:
        """Those of the candidates in ``place``."""
        if isinstance(forecasts, cls) and forecasts.place is place:
            return forecasts
        each = [forecasts[name] for name in place]
        seconds = np.array([forecast.seconds for forecast in each], dtype=np.float64)
        return cls(place, seconds, np.array([forecast.once for forecast in each], dtype=np.float64), forecasts)

    def updated(self, where: _Mask, other: PlannedForecasts) -> PlannedForecasts:
        """The same, with the forecasts of ``other`` for some candidates."""
        seconds, once = np.where(where, other.seconds, self.seconds), np.where(where, other.once, self.once)
        return PlannedForecasts(self.place, seconds, once, self.given)

    def __getitem__(self, name: str) -> Forecast:
        """The forecast of a candidate."""
        at = self.place[name]
        return replace(self.given[name], seconds=float(self.seconds[at]), once=float(self.once[at]))

    def __iter__(self) -> Iterator[str]:
        """Names of all candidates."""
        return iter(self.place)

    def __len__(self) -> int:
        """Number of candidates."""
        return len(self.place)
