from __future__ import annotations

from race_records import standings, trial

from goldilocks.records import ShortSchedule

SECONDS = {"encoder/m/full": 90.0, "encoder/m/lora": 80.0, "cnn/t/scratch": 10.0}


def _forecast(schedules: dict[str, ShortSchedule], share_rung: int = 1) -> float:
    race = standings(SECONDS, [trial("encoder/m/full", share_rung, 0.5, 27.0)])
    race.short_schedules = schedules
    return race.forecast("encoder/m/full")[0]


def test_a_rung_of_a_shortened_run_tells_as_much_as_one_of_little_training() -> None:
    # .3 of a third of the epochs is a tenth of a full run: losses are expected to fall further from there.
    third = {"encoder/m/full": ShortSchedule(1.0, 3.0, 270.0)}
    assert _forecast(third) < 0.9 * _forecast({})


def test_a_rung_of_hardly_any_training_tells_nothing() -> None:
    tiny = {"encoder/m/full": ShortSchedule(1.0, 10.0, 900.0)}
    unseen = standings(SECONDS, []).forecast("encoder/m/full")[0]
    assert _forecast(tiny) == unseen


def test_the_end_of_a_shortened_run_is_an_end() -> None:
    third = {"encoder/m/full": ShortSchedule(1.0, 3.0, 270.0)}
    assert abs(_forecast(third, share_rung=2) - _forecast({}, share_rung=2)) < 1e-9
