"""Shorter training schedules for candidates whose full run takes more time than there is.

Only a finished candidate can win, so with a small budget a large model could never be chosen. Such a candidate is raced
with as many epochs as fit, and its learning rate decays to zero within them. Where even the fewest epochs do not fit,
or where epochs cost little because the output of frozen layers is cached, it is trained on as many rows as fit, drawn
by the seed and the same for all candidates; so is a one-shot estimator. In a resumed search, candidates that have
trials keep the schedule that they began with. During the race those that have not begun get the schedule that fits into
what is left then (``selection/late_schedules.py``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from goldilocks import plugins
from goldilocks.catalog.planned_schedules import PlannedForecasts, PlannedSchedules
from goldilocks.protocols import Family, Method
from goldilocks.records import Candidate, Pool, ShortSchedule, Workload

Floats = npt.NDArray[np.float64]

TOO_LONG = 0.4
"""Share of the budget from which on a full run is shortened."""
FITS = 0.3
"""Share of the budget that a shortened run is to take."""
MAX_SHARE = 0.45
"""Share of the budget that it may take, where the fewest epochs take more than ``FITS``."""
MIN_EPOCHS = 2.0
"""By judgement: with one, LoRA on 8,000 rows was worse than a head on the frozen encoder in as many seconds."""
MIN_SHARE_FROM_SCRATCH = 1 / 3
"""By judgement: share of its epochs, or of the rows of a one-shot estimator, without which a model that starts from
nothing has learnt too little to be worth its time."""
MOSTLY_FROZEN = 0.5
"""Share of the seconds that frozen layers take, from which on rows are left out rather than epochs."""
MIN_ROWS, MIN_ROWS_OF_PARTIAL, MIN_ROWS_PER_LABEL = 500, 1_000, 60
"""Rows that a run is cut down to at most, in all and for each label. Methods that train a part of the weights need more
than ``full``: on 500 rows twice LoRA is worse than a linear model on all (``benchmarks/short_schedules.py``)."""


_FULL_ONLY = 1.0, 1.0, 2.0
"""What ``Scheduler._shortest`` returns for a candidate that has its full schedule or none."""


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """How long runs may take, in forecast seconds: the same for all candidates, or of each, ``(n,)``."""

    too_long: float | Floats
    """From here on a full run is shortened."""
    fits: float | Floats
    """What a shortened run is to take."""
    most: float | Floats
    """What it may take, where it cannot be as short as that."""

    @classmethod
    def of_budget(cls, seconds: float) -> TimeLimits:
        """Those of a whole search: time is left for others to be compared with."""
        return cls(TOO_LONG * seconds, FITS * seconds, MAX_SHARE * seconds)

    def within(self, seconds: Floats, alone: npt.NDArray[np.bool_]) -> TimeLimits:
        """The same, and none longer than each candidate's seconds, all of which those that are ``alone`` may take."""
        usual = (self.too_long, self.fits, self.most)
        return TimeLimits(*(np.where(alone, seconds, np.minimum(limit, seconds)) for limit in usual))


@dataclass(slots=True)
class Scheduler:
    """Makes the schedules of the candidates of a pool."""

    pool: Pool
    """With the forecasts of full runs."""
    work: Workload
    """Size of the training set."""
    _place: dict[str, int] = field(init=False)
    _full: PlannedForecasts = field(init=False)
    _least: Floats = field(init=False)
    """What ``_shortest`` returns for each candidate, ``(n, 3)``."""
    _families: dict[str, Family] = field(init=False, default_factory=dict)
    """Plug-ins that were loaded; loading one again takes longer than all else here."""
    _methods: dict[str, Method] = field(init=False, default_factory=dict)
    _places_of: tuple[Mapping[str, int], npt.NDArray[np.intp]] | None = field(init=False, default=None)
    """The places last looked up, with the mapping they were looked up for."""

    def __post_init__(self) -> None:
        """Index the pool and ask its plug-ins."""
        self._place = {candidate.name: place for place, candidate in enumerate(self.pool.candidates)}
        self._full = PlannedForecasts.of(self._place, self.pool.forecasts)
        self._least = np.array([self._shortest(candidate) for candidate in self.pool.candidates]).reshape(-1, 3)

    def schedules(self, place: Mapping[str, int], limits: TimeLimits) -> PlannedSchedules:
        """The schedules of candidates within the limits: the full one where it fits or cannot be shortened.

        Args:
            place: Candidate -> its place, in ascending order from 0; all are in the pool.
            limits: The same for all of them, or of each.
        """
        at = self._places(place)
        full, once = self._full.seconds[at], self._full.once[at]
        long = full > limits.too_long
        epochs, least_shares, least_rows = self._least[at].T
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = np.maximum(least_shares, np.minimum(limits.fits / full, 1.0))
            too_long = full * (once + (1 - once) * shares) > limits.most
            shares = np.where(too_long, least_shares, shares)
            seconds = full * (once + (1 - once) * shares)
            rows = np.where(too_long, np.maximum(least_rows, limits.fits / seconds), 1.0)
            short = long & (rows <= 1) & (shares * rows < 1) & (seconds * rows <= limits.most)
        columns = np.round(shares * epochs, 2), epochs, full, np.round(rows, 3)
        return PlannedSchedules(place, *(np.where(short, column, 0.0) for column in columns))

    def shortest(self, place: Mapping[str, int]) -> PlannedSchedules:
        """The shortest schedules that candidates may have, whatever time there is; arguments as for ``schedules``."""
        at = self._places(place)
        epochs, shares, rows = self._least[at].T
        rows = np.where(rows <= 1, rows, 1.0)
        columns = np.round(shares * epochs, 2), epochs, self._full.seconds[at], np.round(rows, 3)
        return PlannedSchedules(place, *(np.where(shares * rows < 1, column, 0.0) for column in columns))

    def forecasts(self, schedules: PlannedSchedules) -> PlannedForecasts:
        """The forecasts of runs with these schedules."""
        at, short = self._places(schedules.place), schedules.shortened
        full, once = self._full.seconds[at], self._full.once[at]
        left = once + (1 - once) * schedules.epoch_shares
        seconds = np.where(short, full * left * schedules.rows, full)
        return PlannedForecasts(schedules.place, seconds, np.where(short, once / left, once), self.pool.forecasts)

    def full_seconds(self, place: Mapping[str, int]) -> Floats:
        """Forecast seconds of the full runs of candidates, ``(n,)``."""
        return self._full.seconds[self._places(place)]

    def _places(self, place: Mapping[str, int]) -> npt.NDArray[np.intp]:
        """Places in the pool; a race asks for those of the same mapping again and again."""
        if self._places_of is None or self._places_of[0] is not place:
            at = np.fromiter(map(self._place.__getitem__, place), dtype=np.intp, count=len(place))
            self._places_of = place, at
        return self._places_of[1]

    def _shortest(self, candidate: Candidate) -> tuple[float, float, float]:
        """How short the schedule of a candidate may be.

        Returns:
            The epochs of its full schedule (1 for a one-shot estimator), the share of them that is trained at least,
            and the share of the training rows at least; above 1: there are too few to leave any out.
        """
        info, work = candidate.model, self.work
        if info.remote:
            return _FULL_ONLY
        n_rows, of_labels = max(work.rows, 1), MIN_ROWS_PER_LABEL * work.labels
        if info.family not in self._families:
            self._families[info.family] = plugins.load("families", info.family)
        family_config = self._families[info.family].training_config(info, work)
        if family_config is None:
            # Rows that only make up a prompt take no time to learn from.
            few = max(MIN_ROWS, of_labels) / n_rows
            return _FULL_ONLY if info.groups else (1.0, 1.0, max(MIN_SHARE_FROM_SCRATCH, few))
        if candidate.method not in self._methods:
            self._methods[candidate.method] = plugins.load("methods", candidate.method)
        config = self._methods[candidate.method].training_config(family_config)
        if config is None:
            return _FULL_ONLY
        if not info.pretrained:
            return config.epochs, MIN_SHARE_FROM_SCRATCH, 1.0
        # Where frozen layers take most of the time, epochs cost next to nothing, and a head needs all of them.
        frozen = self.pool.forecasts[candidate.name].once >= MOSTLY_FROZEN
        share = 1.0 if frozen else min(MIN_EPOCHS / config.epochs, 1.0)
        rows = max(MIN_ROWS if candidate.method == "full" else MIN_ROWS_OF_PARTIAL, of_labels)
        return config.epochs, share, rows / n_rows


def with_short_schedules(
    pool: Pool,
    work: Workload,
    budget_seconds: float,
    *,
    begun: Collection[str] = (),
    known: Mapping[str, ShortSchedule],
) -> Pool:
    """The pool, in which the schedules that do not fit are shortened and their forecasts with them.

    Args:
        pool: The candidates with forecasts of their full runs.
        work: Size of the training set.
        budget_seconds: Budget of the whole search.
        begun: Candidates that have trials.
        known: Schedules of an earlier part of the search; those of ``begun`` candidates stay.
    """
    scheduler = Scheduler(pool, work)
    place = {candidate.name: place for place, candidate in enumerate(pool.candidates)}
    planned = scheduler.schedules(place, TimeLimits.of_budget(budget_seconds))
    kept = np.array([name in begun for name in place], dtype=bool)
    schedules = planned.updated(kept, PlannedSchedules.of(place, known))
    forecasts = {**pool.forecasts, **scheduler.forecasts(schedules)}
    shortest = scheduler.shortest(place)
    seconds = scheduler.forecasts(shortest)
    return replace(
        pool,
        forecasts=forecasts,
        short_schedules=dict(schedules),
        shortest=dict(shortest),
        shortest_seconds={name: seconds[name].seconds for name in shortest},
    )
