from __future__ import annotations

from goldilocks.records import ShortSchedule
from goldilocks.selection.explain_choice import shortened


def test_a_shortened_schedule_is_reported_with_the_time_that_the_full_one_takes() -> None:
    (line,) = shortened("encoder/m/full", 432.0, ShortSchedule(4.45, 20.0, 432.0), 0.2225)
    assert line == (
        "encoder/m/full was trained for 4.5 of 20 epochs to fit the budget; the full schedule takes about 7 min and "
        "may be better."
    )


def test_a_run_on_fewer_rows_says_on_how_many() -> None:
    (line,) = shortened("encoder/m/full", 4_200.0, ShortSchedule(2.0, 3.0, 4_200.0, 0.125), 2 / 3 * 0.125)
    assert line == (
        "encoder/m/full was trained for 2 of 3 epochs on 12% of the training rows to fit the budget; the full schedule "
        "takes about 70 min and may be better."
    )


def test_all_epochs_on_fewer_rows_are_reported_by_the_rows_alone() -> None:
    (line,) = shortened("crf/words/scratch", 144.0, ShortSchedule(1.0, 1.0, 144.0, 0.5), 0.5)
    assert line == (
        "crf/words/scratch was trained on 50% of the training rows to fit the budget; the full schedule takes about "
        "2 min and may be better."
    )


def test_a_run_finished_early_is_reported_in_percent_of_its_schedule() -> None:
    (line,) = shortened("encoder/m/full", 80.0, None, 0.62)
    assert line == (
        "encoder/m/full was trained with 62% of its training schedule to fit the budget; the full schedule takes "
        "about 80 s and may be better."
    )
    assert shortened("encoder/m/full", 80.0, None, 1.0) == ()
