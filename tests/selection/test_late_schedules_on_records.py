"""Late schedules for a pool at once are those made candidate by candidate, and so are the purchases of recorded races.

The planner below is written from the rules in ``docs/race.md``, one candidate at a time and with records, not arrays.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from goldilocks import plugins
from goldilocks.catalog.known import catalogue
from goldilocks.catalog.short_schedules import Scheduler, with_short_schedules
from goldilocks.policies import value
from goldilocks.protocols import Race
from goldilocks.records import Candidate, DataSpec, Forecast, Pool, Prices, ShortSchedule, TaskSpec, Workload
from goldilocks.selection.experience import recorded_experience
from goldilocks.selection.late_schedules import LateSchedules
from goldilocks.selection.replay import replay
from goldilocks.selection.shorter_finish import can_be_shortened
from goldilocks.selection.standings import Standings

if TYPE_CHECKING:
    from recorded_races import RaceRecord

MINILM = next(model for model in catalogue() if model.name == "all-MiniLM-L6-v2")
WORK = Workload(5_000, 60.0, 12.0, 6)
SHARES_OF_SECONDS = (0.05, 0.1, 0.25, 0.5)


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> dict[str, RaceRecord]:
    monkeypatch.setattr(sys, "path", [*sys.path, str(Path(__file__).parents[2] / "benchmarks")])
    from recorded_races import read_all

    return read_all()


@dataclass
class Planning:
    """The policy ``value``, behind a planner; notes all that it sees and buys."""

    standings: Standings
    scheduler: Scheduler
    budget: float
    one_by_one: bool
    bought: list[tuple[object, dict[str, tuple[float, float]], list[float]]] = field(default_factory=list)
    SOURCE: str = "value"

    def choose(self, race: Race) -> tuple[str, int, str] | None:
        assert race is self.standings
        self._plan(everything=False)
        purchase = value.choose(race)
        if purchase is None:
            self._plan(everything=True)
            purchase = value.choose(race)
        schedules = {name: (plan.epochs, plan.rows) for name, plan in self.standings.short_schedules.items()}
        self.bought.append((purchase, schedules, self.standings.late_shares.round(9).tolist()))
        return purchase

    def _plan(self, *, everything: bool) -> None:
        if self.one_by_one:
            plan_one_by_one(self.standings, self.scheduler.pool, self.scheduler.work, self.budget, everything)
        else:
            LateSchedules(self.scheduler, self.budget, lambda *_: None).plan(
                self.standings, all_that_is_left=everything
            )


def plan_one_by_one(race: Standings, full: Pool, work: Workload, budget: float, everything: bool) -> None:
    schedules, forecasts, parts = dict(race.short_schedules), dict(race.forecasts), race.late_shares.copy()
    for place, candidate in enumerate(race.pool):
        if not race.not_begun()[place]:
            continue
        name, room, forecast = candidate.name, float(race.room()[place]), full.forecasts[candidate.name]
        usual = (0.4 * budget, 0.3 * budget, 0.45 * budget)
        alone = everything or room < 2 * 0.3 * budget
        limits = (room, room, room) if alone else tuple(min(limit, room) for limit in usual)
        plan, planned = scheduled(candidate, forecast, work, *limits), scheduled(candidate, forecast, work, *usual)
        if plan is None and forecast.seconds > room:
            plan = planned
            least = shortest(candidate, forecast, work)
            seconds = forecast.seconds
            if least is not None:
                seconds = forecast.shortened(least.epochs / least.full_epochs, least.rows).seconds
            if seconds > 1.1 * room:
                plan = least
        if plan == schedules.get(name):
            continue
        schedules.pop(name, None)
        forecasts[name], parts[place] = forecast, 1.0
        if plan is not None:
            schedules[name] = plan
            forecasts[name] = forecast.shortened(plan.epochs / plan.full_epochs, plan.rows)
            fits = 1.0 if forecast.seconds <= usual[0] else usual[1] / forecast.seconds
            parts[place] = plan.share / (planned.share if planned is not None else fits)
    race.reschedule(schedules, forecasts, parts)


def scheduled(
    candidate: Candidate, forecast: Forecast, work: Workload, too_long: float, fits: float, most: float
) -> ShortSchedule | None:
    limits = least_of(candidate, forecast, work)
    if forecast.seconds <= too_long or limits is None:
        return None
    epochs, least, few = limits
    share, rows = max(least, min(fits / forecast.seconds, 1.0)), 1.0
    if forecast.shortened(share).seconds > most:
        share, rows = least, max(few, fits / forecast.shortened(least).seconds)
    if rows > 1 or share * rows >= 1 or forecast.shortened(share, rows).seconds > most:
        return None
    return ShortSchedule(round(share * epochs, 2), epochs, forecast.seconds, round(rows, 3))


def shortest(candidate: Candidate, forecast: Forecast, work: Workload) -> ShortSchedule | None:
    limits = least_of(candidate, forecast, work)
    if limits is None:
        return None
    epochs, least, few = limits
    rows = few if few <= 1 else 1.0
    return (
        ShortSchedule(round(least * epochs, 2), epochs, forecast.seconds, round(rows, 3)) if least * rows < 1 else None
    )


def least_of(candidate: Candidate, forecast: Forecast, work: Workload) -> tuple[float, float, float] | None:
    """Epochs of the full schedule, and the shares of them and of the rows that are trained at least."""
    family = plugins.load("families", candidate.model.family).training_config(candidate.model, work)
    if family is None:
        if candidate.model.groups:
            return None
        epochs, least, few = 1.0, 1.0, max(1 / 3, max(500, 60 * work.labels) / work.rows)
    else:
        config = plugins.load("methods", candidate.method).training_config(family)
        if config is None:
            return None
        epochs = config.epochs
        least = 1.0 if forecast.once >= 0.5 else min(2 / epochs, 1.0)
        few = max(500 if candidate.method == "full" else 1_000, 60 * work.labels) / work.rows
        if not candidate.model.pretrained:
            least, few = 1 / 3, 1.0
    return epochs, least, few


def bought(
    record: RaceRecord, share: float, *, one_by_one: bool
) -> list[tuple[object, dict[str, tuple[float, float]], list[float]]]:
    """All that is planned and bought in a race, whose encoders are trainable as those of the catalogue."""
    pool = tuple(
        replace(candidate, model=MINILM) if candidate.name.startswith("encoder/") else candidate
        for candidate in record.pool
    )
    budget = share * record.seconds
    full = Pool(pool, record.forecasts)
    planned = with_short_schedules(full, WORK, budget, known={})
    spec = TaskSpec(name=record.name, data=DataSpec(""), prices=Prices(waiting_hour=0.0))
    made = replace(record, pool=pool, forecasts=dict(planned.forecasts)).standings(recorded_experience(), spec)
    made.short_schedules = planned.short_schedules
    made.shortenable = {candidate.name for candidate in pool if can_be_shortened(candidate)}
    policy = Planning(made, Scheduler(full, WORK), budget, one_by_one)
    replay(made, record.trials, policy, budget_seconds=budget)
    return policy.bought


@pytest.mark.parametrize("share", SHARES_OF_SECONDS)
def test_recorded_races_buy_what_planning_one_by_one_would_buy(records: dict[str, RaceRecord], share: float) -> None:
    steps = short = 0
    for record in records.values():
        at_once = bought(record, share, one_by_one=False)
        assert at_once == bought(record, share, one_by_one=True), record.name
        steps += len(at_once)
        short += sum(bool(schedules) for _, schedules, _ in at_once)
    assert steps >= 4 * len(records)
    assert short > 0  # there were schedules to plan
