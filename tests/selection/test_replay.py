from dataclasses import replace

import pytest
from race_records import curve, standings, trial

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.selection.replay import replay, shorter_end

SECONDS = {"naive_bayes/word/scratch": 1.0, "encoder/m/full": 100.0, "recurrent/lstm/scratch": 100.0}
RECORD = [
    *curve("naive_bayes/word/scratch", [0.4, 0.3, 0.2], [0.1, 0.2, 0.7]),
    *curve("encoder/m/full", [0.5, 0.2, 0.05], [10, 20, 70]),
    *curve("recurrent/lstm/scratch", [0.9, 0.8, 0.7], [10, 20, 70]),
]


def test_exhaustive_replay_costs_the_recorded_seconds() -> None:
    bought = replay(standings(SECONDS), RECORD, plugins.load("policies", "exhaustive"), budget_seconds=1e9)

    assert bought[-1].elapsed == pytest.approx(201.0)
    assert len(bought) == 9


def test_value_policy_finds_the_best_for_less() -> None:
    bought = replay(standings(SECONDS), RECORD, plugins.load("policies", "value"), budget_seconds=1e9)

    finished = [entry for entry in bought if entry.share == 1]
    assert min(finished, key=lambda entry: entry.loss).candidate == "encoder/m/full"
    assert bought[-1].elapsed < 201.0


def test_missing_rung_is_named() -> None:
    with pytest.raises(InputError, match="encoder/m/full is not in the record at rung 2"):
        replay(
            standings({"encoder/m/full": 1.0}), RECORD[3:5], plugins.load("policies", "exhaustive"), budget_seconds=1e9
        )


def test_seeds_of_the_record_can_be_bought_again() -> None:
    close = {"encoder/m/full": 100.0, "encoder/n/full": 100.0}
    record = [
        *curve("encoder/m/full", [0.3, 0.2, 0.100], [10, 20, 70]),
        *curve("encoder/n/full", [0.3, 0.2, 0.101], [10, 20, 70]),
        replace(trial("encoder/m/full", 2, 0.14, 100.0), repeat=1),
        replace(trial("encoder/n/full", 2, 0.11, 100.0), repeat=1),
    ]
    race = standings(close)
    bought = replay(race, record, plugins.load("policies", "value"), budget_seconds=1e9)

    assert {entry.candidate for entry in bought if entry.repeat} >= {"encoder/m/full"}
    assert bought[-1].elapsed == pytest.approx(sum(entry.seconds for entry in bought))
    assert race.best == "encoder/n/full"
    without = replay(standings(close), record[:6], plugins.load("policies", "value"), budget_seconds=1e9)
    assert not any(entry.repeat for entry in without)


def test_a_replayed_leader_is_finished_with_the_schedule_that_fits() -> None:
    def ended(*, shorter: bool) -> tuple[float, float]:
        race = standings(SECONDS)
        race.shortenable = {"encoder/m/full"} if shorter else ()
        bought = replay(race, RECORD, plugins.load("policies", "value"), budget_seconds=75.0)
        best = min((entry for entry in bought if entry.share == 1), key=lambda entry: entry.loss)
        return best.loss, bought[-1].elapsed

    assert ended(shorter=False)[0] == 0.2  # the encoder takes 100 s
    loss, elapsed = ended(shorter=True)
    assert 0.05 < loss < 0.15  # less than at .3 of its run
    assert elapsed <= 75.0


def test_the_end_of_a_shorter_schedule_lies_between_rung_and_end() -> None:
    full = dict(enumerate(curve("encoder/m/full", [0.5, 0.2, 0.05], [10, 20, 70])))
    assert shorter_end(full, 1.0) == full[2]
    at_rung = shorter_end(full, 0.3)
    assert at_rung.loss == pytest.approx(0.2)  # as the full run at that share
    assert at_rung.schedule_share == 0.3
    assert 0.05 < shorter_end(full, 0.6).loss < 0.2


def test_a_replayed_run_that_is_slower_than_forecast_ends_in_time() -> None:
    race = standings({"naive_bayes/word/scratch": 1.0, "encoder/m/full": 40.0})  # it takes 100 s
    race.shortenable = {"encoder/m/full"}
    bought = replay(race, RECORD, plugins.load("policies", "smallest_first"), budget_seconds=60.0)
    last = bought[-1]
    assert (last.candidate, last.share) == ("encoder/m/full", 1.0)
    assert last.schedule_share == pytest.approx(0.9 * 59 / 100)
    assert last.elapsed <= 60.0
