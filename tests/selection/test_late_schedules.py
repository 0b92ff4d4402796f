"""Schedules that are planned during the race, from the seconds that are left."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from race_records import MACHINE, SPEC, candidate, trial

from goldilocks.catalog.known import catalogue
from goldilocks.catalog.short_schedules import Scheduler, with_short_schedules
from goldilocks.policies import value
from goldilocks.records import Candidate, Forecast, Pool, Screening, ShortSchedule, Workload
from goldilocks.selection.late_schedules import LateSchedules, late_schedules
from goldilocks.selection.standings import Standings

BUDGET = 240.0
WORK = Workload(10_000, 60.0, 12.0, 2)
MINILM = next(model for model in catalogue() if model.name == "all-MiniLM-L6-v2")
FULL, LORA = Candidate(MINILM, "full"), Candidate(MINILM, "lora")
COUNTS = candidate("tfidf_linear/word/scratch")
SLOW = 1_500.0
"""Forecast of the full run of 3 epochs: 500 s an epoch, 0.05 s a row."""
POOL = Pool(
    (COUNTS, FULL, LORA),
    {COUNTS.name: Forecast(0.5, 0.0), FULL.name: Forecast(SLOW, 0.0), LORA.name: Forecast(SLOW, 0.0)},
)


def race(left: float, paces: dict[str, float] | None = None) -> Standings:
    """A race with a finished linear model, whose pool was planned for the budget."""
    planned = with_short_schedules(POOL, WORK, BUDGET, known={})
    made = Standings(
        pool=planned.candidates,
        forecasts=planned.forecasts,
        short_schedules=planned.short_schedules,
        spec=replace(SPEC, budget_seconds=BUDGET),
        machine=MACHINE,
        n_items=200,
        trials=[replace(trial(COUNTS.name, 2, 0.2, 0.5), seconds_per_text=0.0)],
        screening=Screening((), {}, (), (), 0.0, "", paces or {}),
    )
    made.left = left
    return made


def planner() -> LateSchedules:
    return LateSchedules(Scheduler(POOL, WORK), BUDGET, lambda *_: None)


def test_while_there_is_time_the_schedules_of_the_pool_stay() -> None:
    made = race(200.0)
    before = dict(made.short_schedules)
    assert not planner().plan(made)
    assert made.short_schedules == before
    assert made.forecasts[FULL.name].seconds == pytest.approx(0.3 * BUDGET, rel=0.01)


def test_what_no_longer_fits_gets_the_schedule_that_does() -> None:
    made = race(66.0)
    assert planner().plan(made)
    # A tenth is to spare: 66 / 1.1 = 60 s, which are 600 rows in each of 2 epochs.
    schedule = made.short_schedules[FULL.name]
    assert [schedule.epochs, schedule.rows] == pytest.approx([2.0, 0.06])
    assert made.forecasts[FULL.name].seconds == pytest.approx(60.0)
    assert made.late_shares[1] == pytest.approx(60 / 72)
    # LoRA needs 1,000 rows, 100 s: its usual schedule says how much time is lacking.
    assert made.forecasts[LORA.name].seconds == pytest.approx(100.0)


def test_all_that_is_left_can_be_offered() -> None:
    made = race(165.0)
    assert planner().plan(made, all_that_is_left=True)
    assert made.forecasts[FULL.name].seconds == pytest.approx(150.0, rel=0.01)
    assert made.late_shares[1] == pytest.approx(150 / 72, rel=0.02)
    assert made.value(FULL.name) == pytest.approx(race(165.0).value(FULL.name))  # no less than usual, and no more


def test_the_last_run_that_fits_is_planned_long_and_half_of_it_reserved() -> None:
    made = race(150.0)  # 136 s of training: two of the usual 72 s do not fit
    made.shortenable = {FULL.name, LORA.name}
    planner().plan(made)
    assert made.forecasts[FULL.name].seconds == pytest.approx(150 / 1.1, rel=0.01)
    assert made.reserved == FULL.name  # its 136 s might take 191 s; half of them is sure to fit
    offered = made.purchases()
    assert offered.schedules is not None
    assert offered.schedules.elastic.tolist() == [True, True]
    assert offered.schedules.least[0] == pytest.approx(150 / 1.1 / 2, rel=0.01)
    assert offered.schedules.shares.tolist() == [1.0, 1.0]


def test_answers_have_their_time_and_so_has_the_test_part() -> None:
    made = race(165.0, {"encoder/all-MiniLM-L6-v2": 0.1})  # 20 s for 200 validation texts
    made.after = {FULL.name: 35.0}
    planner().plan(made, all_that_is_left=True)
    assert made.forecasts[FULL.name].seconds == pytest.approx((165 - 20 - 35) / 1.1, rel=0.01)


def test_a_machine_that_is_slower_than_forecast_gets_fewer_rows() -> None:
    made = race(220.0)
    # 75 s for what was forecast to take 35 s: with 5 s that no forecast counts, twice as long.
    lora = replace(made.short_schedules[LORA.name], rows=0.1)
    made.short_schedules = {**made.short_schedules, LORA.name: lora}
    made.trials.append(replace(trial(LORA.name, 1, 0.3, 75.0), seconds_per_text=0.0))
    made.reschedule(
        made.short_schedules, {**made.forecasts, LORA.name: Forecast(35 / 0.3, 0.0)}, np.ones(len(made.pool))
    )
    planner().plan(made, all_that_is_left=True)
    assert made.forecasts[FULL.name].seconds == pytest.approx(220 / 1.1 / 2, rel=0.01)
    assert made.short_schedules[LORA.name] == lora  # it has begun


def test_less_training_than_usual_is_expected_to_save_less() -> None:
    short, usual = race(66.0), race(200.0)
    planner().plan(short)
    assert 0 < short.value(FULL.name) < usual.value(FULL.name)
    offered = short.purchases()
    place = offered.candidates.index(FULL.name)
    assert offered.savings[place, 2] == pytest.approx(12 * short.value(FULL.name))
    assert (offered.savings[place, :2] <= offered.savings[place, 2]).all()


def test_the_time_lacking_is_that_of_the_shortest_schedule() -> None:
    made = race(40.0)  # 36 s of training; two epochs on 500 rows take 50 s, on the usual 720 rows 72 s
    planner().plan(made)
    assert made.forecasts[FULL.name].seconds == pytest.approx(50.0)
    assert value.choose(made) is None
    assert "about 10 s more would finish the next" in value.stopped(made)


def test_a_candidate_too_slow_for_the_whole_budget_lacks_the_time_of_its_shortest_schedule() -> None:
    slow = 79 * 60.0  # two epochs on 500 rows take 158 s, more than .45 of the budget: no usual schedule
    full = replace(POOL, forecasts={**POOL.forecasts, FULL.name: Forecast(slow, 0.0)})
    made = race(100.0)
    made.reschedule({}, full.forecasts, np.ones(3))
    LateSchedules(Scheduler(full, WORK), BUDGET, lambda *_: None).plan(made)
    assert made.forecasts[FULL.name].seconds == pytest.approx(slow / 30)


def test_with_what_is_left_a_race_buys_what_it_would_have_stopped_before() -> None:
    made = race(66.0)
    assert value.choose(made) is None
    assert "do not fit" in value.stopped(made)
    planner().plan(made)
    assert (value.choose(made) or ("",))[0] == FULL.name


def test_what_is_bought_is_written_down() -> None:
    kept: list[tuple[str, ShortSchedule | None, Forecast]] = []
    late = LateSchedules(Scheduler(POOL, WORK), BUDGET, lambda *given: kept.append(given))
    made = race(66.0)
    late.plan(made)
    late.begin(FULL.name, made)
    assert kept == [(FULL.name, made.short_schedules[FULL.name], made.forecasts[FULL.name])]


def test_a_number_of_epochs_that_the_user_sets_is_kept() -> None:
    spec = replace(SPEC, training={"epochs": 3})
    assert late_schedules(spec, Scheduler(POOL, WORK), lambda *_: None) is None
    assert late_schedules(SPEC, Scheduler(POOL, WORK), lambda *_: None) is not None
