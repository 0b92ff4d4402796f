import pytest
from race_records import candidate, trial

from goldilocks.records import Forecast, Pool
from goldilocks.selection.conclude import exhaustive_seconds


def test_exhaustive_estimate_takes_what_was_measured_and_corrects_the_rest() -> None:
    names = ["encoder/m/full", "encoder/m/lora", "cnn/m/scratch"]
    pool = Pool(tuple(candidate(name) for name in names), {name: Forecast(10.0, 0.0) for name in names})
    trials = [trial("encoder/m/full", 0, 0.5, 2.0), trial("encoder/m/full", 1, 0.4, 4.0)]

    # 6 s for .3 of the run: 20 s in all. The others are corrected by (6 + 5) / (3 + 5): no forecast counts these 5 s.
    assert exhaustive_seconds(pool, trials) == pytest.approx(20 + 2 * 10 * 11 / 8)


def test_estimate_knows_that_frozen_layers_ran_in_the_first_rung() -> None:
    names = ["encoder/m/head_only", "encoder/m/full"]
    pool = Pool(
        tuple(candidate(name) for name in names), {names[0]: Forecast(100.0, 0.0, once=0.8), names[1]: Forecast(660, 0)}
    )

    # 82 of 100 s as forecast: .8 of them once, and a tenth of the rest.
    assert exhaustive_seconds(pool, [trial(names[0], 0, 0.5, 82.0)]) == pytest.approx(100 + 660)


def test_imports_paid_by_the_cheapest_do_not_multiply_the_dear_ones() -> None:
    names = ["extractive/lead/scratch", "encoder/m/full"]
    pool = Pool(
        tuple(candidate(name) for name in names), {names[0]: Forecast(0.1, 0.0), names[1]: Forecast(600.0, 0.0)}
    )

    # 10 s where .1 s were forecast: (10 + 5) / (.1 + 5) = 2.94 and not 100 times.
    assert exhaustive_seconds(pool, [trial(names[0], 2, 0.5, 10.0)]) == pytest.approx(10 + 600 * 15 / 5.1)


def test_estimate_is_the_sum_of_what_was_spent_when_all_were_finished() -> None:
    pool = Pool((candidate("cnn/m/scratch"),), {"cnn/m/scratch": Forecast(1.0, 0.0)})
    trials = [trial("cnn/m/scratch", 0, 0.5, 1.0), trial("cnn/m/scratch", 2, 0.1, 8.0)]

    assert exhaustive_seconds(pool, trials) == pytest.approx(9.0)
