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
import numpy.typing as npt

from goldilocks.catalog.planned_schedules import PlannedForecasts, PlannedSchedules
from goldilocks.catalog.short_schedules import Scheduler, TimeLimits
from goldilocks.records import Forecast, ShortSchedule, TaskSpec
from goldilocks.selection.shorter_finish import MARGIN
from goldilocks.selection.standings import Standings

Floats = npt.NDArray[np.float64]


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
            all_that_is_left: Whether a run may take all of it; else only one after which no other fits, and the
                others no more than a search of this budget would plan.

        Returns:
            Whether one has another schedule than before.
        """
        budget, place, room = TimeLimits.of_budget(self.budget_seconds), standings.place, standings.room()
        usual = self.scheduler.schedules(place, budget)
        # A run can be shortened while it trains and never lengthened, so the last that fits is planned long.
        alone = np.full(len(room), True) if all_that_is_left else room < 2 * budget.fits
        planned = self.scheduler.schedules(place, budget.within(room, alone))
        # What fits in no form, not even without the margin, gets the shortest: how much more time that needs is said
        # when the race stops.
        full, shortest = self.scheduler.full_seconds(place), self.scheduler.shortest(place)
        planned = planned.updated(~planned.shortened & (full > room), usual)
        beyond = self.scheduler.forecasts(shortest).seconds > (1 + MARGIN) * room
        planned = planned.updated(beyond, shortest)
        before = PlannedSchedules.of(place, standings.short_schedules)
        changed = standings.not_begun() & planned.differs(before)
        if not changed.any():
            return False
        known, made = PlannedForecasts.of(place, standings.forecasts), self.scheduler.forecasts(planned)
        standings.reschedule(
            before.updated(changed, planned),
            known.updated(changed, made),
            np.where(changed, self._parts(planned, usual, full, budget), standings.late_shares),
        )
        return True

    def begin(self, name: str, standings: Standings) -> None:
        """Keep the schedule of a candidate that is about to begin."""
        self.adopt(name, standings.short_schedules.get(name), standings.forecasts[name])

    def _parts(self, planned: PlannedSchedules, usual: PlannedSchedules, full: Floats, budget: TimeLimits) -> Floats:
        """Each one's training as a share of what a search of this budget would plan for the candidate, ``(n,)``."""
        fitting = np.where(full <= budget.too_long, 1.0, budget.fits / np.maximum(full, 1e-12))
        parts = planned.shares / np.where(usual.shortened, usual.shares, fitting)
        return np.asarray(np.where(planned.shortened, parts, 1.0))


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
