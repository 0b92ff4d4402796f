"""Shorter training schedules for pretrained candidates whose full run takes most of the budget.

Only a finished candidate can win, so with a small budget a large model could never be chosen. Such a candidate is raced
with as many epochs as fit, and its learning rate decays to zero within them. Where even two epochs do not fit, or where
epochs cost little because the output of frozen layers is cached, it is trained on as many rows as fit, drawn by the
seed and the same for all candidates. In a resumed search, candidates that have trials keep the schedule that they began
with.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from goldilocks import plugins
from goldilocks.records import Candidate, Pool, ShortSchedule, Workload

TOO_LONG = 0.4
"""Share of the budget from which on a full run is shortened."""
FITS = 0.3
"""Share of the budget that a shortened run is to take."""
MAX_SHARE = 0.45
"""Share of the budget that it may take, where the fewest epochs take more than ``FITS``."""
MIN_EPOCHS = 2.0
"""By judgement: with one, LoRA on 8,000 rows was worse than a head on the frozen encoder in as many seconds."""
MOSTLY_FROZEN = 0.5
"""Share of the seconds that frozen layers take, from which on rows are left out rather than epochs."""
MIN_ROWS, MIN_ROWS_OF_PARTIAL, MIN_ROWS_PER_LABEL = 500, 1_000, 60
"""Rows that a run is cut down to at most, in all and for each label. Methods that train a part of the weights need more
than ``full``: on 500 rows twice LoRA is worse than a linear model on all (``benchmarks/short_schedules.py``)."""


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
    schedules = {}
    for candidate in pool.candidates:
        name = candidate.name
        schedule = known.get(name) if name in begun else _shortened(candidate, pool, work, budget_seconds)
        if schedule is not None:
            schedules[name] = schedule
    forecasts = {
        name: forecast.shortened(schedules[name].epochs / schedules[name].full_epochs, schedules[name].rows)
        if name in schedules
        else forecast
        for name, forecast in pool.forecasts.items()
    }
    return replace(pool, forecasts=forecasts, short_schedules=schedules)


def _shortened(candidate: Candidate, pool: Pool, work: Workload, budget_seconds: float) -> ShortSchedule | None:
    forecast = pool.forecasts[candidate.name]
    if not candidate.model.pretrained or candidate.model.remote or forecast.seconds <= TOO_LONG * budget_seconds:
        return None
    family = plugins.load("families", candidate.model.family)
    family_config = family.training_config(candidate.model, work)
    config = None if family_config is None else plugins.load("methods", candidate.method).training_config(family_config)
    if config is None:
        return None
    # Where frozen layers take most of the time, epochs cost next to nothing, and a head needs all of them.
    min_share = 1.0 if forecast.once >= MOSTLY_FROZEN else min(MIN_EPOCHS / config.epochs, 1.0)
    share = max(min_share, min(FITS * budget_seconds / forecast.seconds, 1.0))
    rows = 1.0
    if forecast.shortened(share).seconds > MAX_SHARE * budget_seconds:
        share = min_share
        min_rows = max(
            MIN_ROWS if candidate.method == "full" else MIN_ROWS_OF_PARTIAL, MIN_ROWS_PER_LABEL * work.labels
        )
        rows = max(min_rows / max(work.rows, 1), FITS * budget_seconds / forecast.shortened(share).seconds)
    if rows > 1 or share * rows >= 1 or forecast.shortened(share, rows).seconds > MAX_SHARE * budget_seconds:
        return None
    return ShortSchedule(round(share * config.epochs, 2), config.epochs, forecast.seconds, round(rows, 3))
