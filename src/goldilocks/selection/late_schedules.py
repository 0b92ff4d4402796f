"""Schedules of candidates that have not begun, planned from the remaining seconds and the speed measured in this run.

Schedules are planned before the race from the whole budget (``catalog/short_schedules.py``). By the time a candidate is
bought, screening and other runs have used part of it, and the speed of this machine is known. Before each purchase, a
candidate that no longer fits is therefore given a schedule that does. A candidate that leaves no time for another run
is given all the remaining time. If the policy would buy nothing new, every candidate is offered all the remaining time,
so a search ends early only if not even the shortest schedule fits, or none is expected to pay. A schedule shorter than
a search of this budget would plan is expected to end with the loss that such a run has at the same share of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from goldilocks.catalog.short_schedules import Scheduler, TimeLimits
from goldilocks.records import Forecast, ShortSchedule, TaskSpec
from goldilocks.selection.standings import Standings


@dataclass(frozen=True, slots=True)
class LateSchedules:
    """Plans the schedules of candidates that have not begun."""

    scheduler: Scheduler
    """Of the pool with the forecasts of full runs."""
    budget_seconds: float
    adopt: Callable[[str, ShortSchedule | None, Forecast], None]
    """Takes the schedule (``None``: the full one) and the forecast of a candidate that is about to begin, and writes
    them down for a resumed search (``RunStore.reschedule``)."""

    def plan(self, standings: Standings, *, all_that_is_left: bool = False) -> bool:
        """Give the candidates that have not begun the schedules that fit into what is left.

        Args:
            standings: The race; gets the schedules and their forecasts.
            all_that_is_left: Whether a run may take all of it; else only one behind which no other fits, and the
                others no more than a search of this budget would plan.

        Returns:
            Whether one has another schedule than before.
        """
        usual = TimeLimits.of_budget(self.budget_seconds)
        schedules, forecasts = dict(standings.short_schedules), dict(standings.forecasts)
        parts = standings.late_shares.copy()
        rooms, changed = standings.room().tolist(), False
        for place in np.flatnonzero(standings.not_begun()).tolist():
            name, room = standings.pool[place].name, rooms[place]
            # A run can be shortened while it trains and never lengthened, so the last that fits is planned long.
            alone = all_that_is_left or room < 2 * usual.fits
            limits = TimeLimits(room, room, room) if alone else usual.within(room)
            # What fits in no form keeps its usual one: how much more time that needs is said when the race stops.
            schedule = self.scheduler.schedule(name, limits)
            if schedule is None and self.scheduler.pool.forecasts[name].seconds > room:
                schedule = self.scheduler.schedule(name, usual)
            if schedule == schedules.get(name):
                continue
            changed = True
            forecasts[name] = self.scheduler.forecast(name, schedule)
            parts[place] = self._part(name, schedule)
            schedules.pop(name, None)
            if schedule is not None:
                schedules[name] = schedule
        if changed:
            standings.reschedule(schedules, forecasts, parts)
        return changed

    def begin(self, name: str, standings: Standings) -> None:
        """Keep the schedule of a candidate that is about to begin."""
        self.adopt(name, standings.short_schedules.get(name), standings.forecasts[name])

    def _part(self, name: str, schedule: ShortSchedule | None) -> float:
        """Its training as a share of what a search of this budget would plan for the candidate."""
        if schedule is None:
            return 1.0
        usual, full = TimeLimits.of_budget(self.budget_seconds), self.scheduler.pool.forecasts[name].seconds
        planned = self.scheduler.schedule(name, usual)
        if planned is not None:
            return schedule.share / planned.share
        return schedule.share / (1.0 if full <= usual.too_long else usual.fits / full)


def late_schedules(
    spec: TaskSpec, scheduler: Scheduler, adopt: Callable[[str, ShortSchedule | None, Forecast], None]
) -> LateSchedules | None:
    """The planner of a task; ``None`` where the task file says how many epochs are trained.

    Args:
        spec: The task.
        scheduler: Of the pool with the forecasts of full runs.
        adopt: See ``LateSchedules.adopt``.
    """
    return None if "epochs" in spec.training else LateSchedules(scheduler, spec.budget_seconds, adopt)
