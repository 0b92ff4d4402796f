from __future__ import annotations

from dataclasses import replace

import pytest

from goldilocks import plugins
from goldilocks.catalog.known import catalogue
from goldilocks.catalog.short_schedules import FITS, with_short_schedules
from goldilocks.records import Candidate, Forecast, ModelInfo, Output, Pool, ShortSchedule, Workload

WORK = Workload(300, 60.0, 12.0, 3)
MINILM = next(model for model in catalogue() if model.name == "all-MiniLM-L6-v2")
FULL, HEAD = Candidate(MINILM, "full"), Candidate(MINILM, "head_only")
(TEXTCNN,) = plugins.load("families", "cnn").models()
CONFIG = plugins.load("families", "encoder").training_config(MINILM, WORK)
assert CONFIG is not None
EPOCHS = CONFIG.epochs


def _pool(seconds: float, *candidates: Candidate, once: float = 0.0) -> Pool:
    return Pool(candidates, {candidate.name: Forecast(seconds, 1e9, once) for candidate in candidates})


def _schedules(pool: Pool, budget: float = 240.0) -> dict[str, ShortSchedule]:
    return dict(with_short_schedules(pool, WORK, budget, known={}).short_schedules)


def test_a_run_that_takes_most_of_the_budget_is_shortened_to_fit_and_its_forecast_with_it() -> None:
    made = with_short_schedules(_pool(200.0, FULL), WORK, 240.0, known={})
    schedule = made.short_schedules[FULL.name]
    assert schedule.full_epochs == EPOCHS
    assert schedule.full_seconds == 200.0
    assert schedule.epochs == pytest.approx(EPOCHS * FITS * 240 / 200, abs=0.01)
    assert made.forecasts[FULL.name].seconds == pytest.approx(FITS * 240, rel=0.01)


def test_a_run_that_fits_keeps_its_schedule() -> None:
    assert not _schedules(_pool(95.0, FULL))


def test_no_schedule_has_less_than_two_epochs_and_what_never_fits_stays_as_it_is() -> None:
    # Two epochs of 60 s each take more than .45 of 240 s; two of 50 s do not.
    assert not _schedules(_pool(60.0 * EPOCHS, FULL))
    assert _schedules(_pool(50.0 * EPOCHS, FULL))[FULL.name].epochs == 2.0


def test_where_two_epochs_do_not_fit_it_is_trained_on_as_many_rows_as_do() -> None:
    work = replace(WORK, rows=30_000)
    config = plugins.load("families", "encoder").training_config(MINILM, work)
    assert config is not None
    hours = _pool(1_000.0 * config.epochs, FULL)
    made = with_short_schedules(hours, work, 240.0, known={})
    schedule = made.short_schedules[FULL.name]
    assert schedule.epochs == 2.0
    assert schedule.rows == pytest.approx(FITS * 240 / 2_000, abs=0.001)
    assert made.forecasts[FULL.name].seconds == pytest.approx(FITS * 240, rel=0.02)
    assert schedule.share == pytest.approx(2.0 * schedule.rows / config.epochs)


def test_rows_are_not_cut_down_to_a_handful() -> None:
    work = replace(WORK, rows=10_000)
    assert not dict(with_short_schedules(_pool(1e5, FULL), work, 240.0, known={}).short_schedules)
    many = replace(work, labels=100)  # 20 rows a label
    assert not dict(with_short_schedules(_pool(3_000.0, FULL), many, 240.0, known={}).short_schedules)


def test_methods_that_train_a_part_of_the_weights_need_more_rows() -> None:
    work, lora = replace(WORK, rows=3_000), Candidate(MINILM, "lora")
    config = plugins.load("families", "encoder").training_config(MINILM, work)
    assert config is not None
    slow = _pool(250.0 * config.epochs, FULL, lora)  # two epochs: 500 s, of 500 rows 83 s, of 1,000 rows 167 s
    assert set(with_short_schedules(slow, work, 240.0, known={}).short_schedules) == {FULL.name}


def test_where_frozen_layers_take_the_time_rows_are_left_out_and_no_epochs() -> None:
    work = replace(WORK, rows=30_000)
    made = with_short_schedules(_pool(500.0, HEAD, once=0.8), work, 240.0, known={})
    schedule = made.short_schedules[HEAD.name]
    assert schedule.epochs == schedule.full_epochs
    assert schedule.rows == pytest.approx(FITS * 240 / 500, abs=0.001)
    assert made.forecasts[HEAD.name].seconds == pytest.approx(FITS * 240, rel=0.01)
    assert made.forecasts[HEAD.name].once == pytest.approx(0.8)
    assert not _schedules(_pool(500.0, HEAD, once=0.9))  # 300 rows are few already


def test_networks_from_scratch_keep_a_third_of_their_epochs_and_all_rows() -> None:
    scratch = Candidate(TEXTCNN, "scratch")
    config = plugins.load("families", "cnn").training_config(TEXTCNN, WORK)
    assert config is not None
    assert _schedules(_pool(144.0, scratch))[scratch.name].epochs == pytest.approx(config.epochs / 2, abs=0.01)
    third = _schedules(_pool(300.0, scratch))[scratch.name]  # 72 s would be .24 of it
    assert [third.epochs, third.rows] == pytest.approx([config.epochs / 3, 1.0], abs=0.01)
    assert not _schedules(_pool(330.0, scratch))  # a third of it takes more than .45 of the budget


def test_one_shot_estimators_are_fitted_on_fewer_rows() -> None:
    (crf,) = plugins.load("families", "crf").models()
    tagger, work = Candidate(crf, "scratch"), Workload(3_000, 60.0, 40.0, 20, Output.TAGS)
    schedule = with_short_schedules(_pool(144.0, tagger), work, 240.0, known={}).short_schedules[tagger.name]
    assert (schedule.epochs, schedule.full_epochs) == (1.0, 1.0)
    assert schedule.rows == pytest.approx(0.5)
    # 60 rows for each of 20 tags are .4 of the rows: 120 s of 300 s.
    assert not with_short_schedules(_pool(300.0, tagger), work, 240.0, known={}).short_schedules


def test_prompted_models_have_no_schedule() -> None:
    gemma = next(model for model in catalogue() if model.family == "decoder")
    assert not _schedules(_pool(200.0, Candidate(gemma, "zero_shot")))


def test_what_was_begun_keeps_the_schedule_it_began_with() -> None:
    short, other = ShortSchedule(1.5, EPOCHS, 900.0), Candidate(_named("other"), "full")
    pool = _pool(900.0, FULL, HEAD, other)
    made = with_short_schedules(pool, WORK, 3600.0, begun=[FULL.name, HEAD.name], known={FULL.name: short})
    assert dict(made.short_schedules) == {FULL.name: short}  # nothing is long for an hour
    tight = with_short_schedules(pool, WORK, 240.0, begun=[HEAD.name], known={})
    assert HEAD.name not in tight.short_schedules  # it had begun with its full schedule


def _named(name: str) -> ModelInfo:
    return replace(MINILM, name=name)
