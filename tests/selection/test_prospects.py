"""What finishing a candidate takes at least: the shortest schedule that a search would buy."""

from __future__ import annotations

import pytest
from race_records import standings, trial

FULL = "encoder/m/full"


def test_a_candidate_that_has_not_begun_needs_the_time_of_its_shortest_schedule_and_a_margin() -> None:
    race = standings({FULL: 4_740.0, "cnn/t/scratch": 10.0})
    assert race.least_to_finish(FULL, 100.0) == pytest.approx((110.0, 1.0))
    assert race.least_to_finish(FULL, None) == pytest.approx((4_740.0, 1.0))
    assert race.least_to_finish(FULL, 4_700.0) == pytest.approx((4_740.0, 1.0))  # no margin beyond the full run


def test_a_run_that_has_begun_may_end_after_another_quarter_of_a_shorter_schedule() -> None:
    # 30.4 s for .3 of the run, 0.4 s of them answers; at .4 of its schedule it may end: 10 s more and 0.4 s of answers.
    race = standings({FULL: 100.0, "cnn/t/scratch": 10.0}, [trial(FULL, 1, 0.3, 30.4)])
    race.shortenable = {FULL}
    seconds, share = race.least_to_finish(FULL, None)
    assert share == pytest.approx(0.4)
    assert seconds == pytest.approx(1.1 * 10.4)
