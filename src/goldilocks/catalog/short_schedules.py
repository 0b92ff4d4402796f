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

from goldilocks import plugins
from goldilocks.records import Candidate, Forecast, Pool, ShortSchedule, Workload

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


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """How long runs may take, in forecast seconds."""

    too_long: float
    """From here on a full run is shortened."""
    fits: float
    """What a shortened run is to take."""
    most: float
    """What it may take, where it cannot be as short as that."""

    @classmethod
    def of_budget(cls, seconds: float) -> TimeLimits:
        """Those of a whole search: time is left for others to be compared with."""
        return cls(TOO_LONG * seconds, FITS * seconds, MAX_SHARE * seconds)

    def within(self, seconds: float) -> TimeLimits:
        """The same, and none longer than ``seconds``."""
        return TimeLimits(min(self.too_long, seconds), min(self.fits, seconds), min(self.most, seconds))


@dataclass(frozen=True, slots=True)
class _Least:
    """How short a candidate's schedule may be."""

    epochs: float
    """Of the full schedule; 1 for a one-shot estimator."""
    share: float
    """Share of them that is trained at least."""
    rows: float
    """Share of the training rows at least; above 1: there are too few to leave any out."""


@dataclass(slots=True)
class Scheduler:
    """Makes the schedules of the candidates of a pool."""

    pool: Pool
    """With the forecasts of full runs."""
    work: Workload
    """Size of the training set."""
    _least: dict[str, _Least | None] = field(default_factory=dict)
    _members: dict[str, Candidate] = field(init=False)

    def __post_init__(self) -> None:
        """Index the pool."""
        self._members = {candidate.name: candidate for candidate in self.pool.candidates}

    def schedule(self, name: str, limits: TimeLimits) -> ShortSchedule | None:
        """The schedule of a candidate within the limits; ``None``: its full one, which fits or cannot be shortened."""
        forecast = self.pool.forecasts[name]
        if forecast.seconds <= limits.too_long:
            return None
        if name not in self._least:
            self._least[name] = _least(self._members[name], forecast, self.work)
        least = self._least[name]
        if least is None:
            return None
        share, rows = max(least.share, min(limits.fits / forecast.seconds, 1.0)), 1.0
        if forecast.shortened(share).seconds > limits.most:
            share = least.share
            rows = max(least.rows, limits.fits / forecast.shortened(share).seconds)
        if rows > 1 or share * rows >= 1 or forecast.shortened(share, rows).seconds > limits.most:
            return None
        return ShortSchedule(round(share * least.epochs, 2), least.epochs, forecast.seconds, round(rows, 3))

    def forecast(self, name: str, schedule: ShortSchedule | None) -> Forecast:
        """The forecast of a candidate's run with a schedule; ``None``: the full one."""
        full = self.pool.forecasts[name]
        return full if schedule is None else full.shortened(schedule.epochs / schedule.full_epochs, schedule.rows)


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
    scheduler, limits, schedules = Scheduler(pool, work), TimeLimits.of_budget(budget_seconds), {}
    for candidate in pool.candidates:
        name = candidate.name
        schedule = known.get(name) if name in begun else scheduler.schedule(name, limits)
        if schedule is not None:
            schedules[name] = schedule
    forecasts = {name: scheduler.forecast(name, schedules.get(name)) for name in pool.forecasts}
    return replace(pool, forecasts=forecasts, short_schedules=schedules)


def _least(candidate: Candidate, forecast: Forecast, work: Workload) -> _Least | None:
    """How short a candidate's schedule may be; ``None``: it has the full one or none."""
    info = candidate.model
    if info.remote:
        return None
    n_rows, of_labels = max(work.rows, 1), MIN_ROWS_PER_LABEL * work.labels
    family = plugins.load("families", info.family)
    family_config = family.training_config(info, work)
    if family_config is None:
        # Rows that only make up a prompt take no time to learn from.
        few = max(MIN_ROWS, of_labels) / n_rows
        return None if info.groups else _Least(1.0, 1.0, max(MIN_SHARE_FROM_SCRATCH, few))
    config = plugins.load("methods", candidate.method).training_config(family_config)
    if config is None:
        return None
    if not info.pretrained:
        return _Least(config.epochs, MIN_SHARE_FROM_SCRATCH, 1.0)
    # Where frozen layers take most of the time, epochs cost next to nothing, and a head needs all of them.
    share = 1.0 if forecast.once >= MOSTLY_FROZEN else min(MIN_EPOCHS / config.epochs, 1.0)
    rows = max(MIN_ROWS if candidate.method == "full" else MIN_ROWS_OF_PARTIAL, of_labels)
    return _Least(config.epochs, share, rows / n_rows)
