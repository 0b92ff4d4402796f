"""Seconds of answering are told apart from those of training."""

from __future__ import annotations

from dataclasses import replace

import pytest
from race_records import candidate, standings, trial

from goldilocks.records import Screening
from goldilocks.selection.answer_times import AnswerTimes

FULL, LORA, OTHER = "encoder/m/full", "encoder/m/lora", "encoder/n/full"


def test_until_a_model_has_answered_the_pace_of_the_screening_counts() -> None:
    times = AnswerTimes([candidate(FULL), candidate(OTHER)], 400, {"encoder/m": 0.05})
    assert times.seconds() == pytest.approx([20.0, 0.0])
    slower = replace(trial(FULL, 0, 0.3, 50.0), seconds_per_text=0.02, scoring_seconds=1.0)
    assert times.take(slower) == pytest.approx(50 - 8 - 1)
    assert times.seconds() == pytest.approx([9.0, 0.0])  # measured, though less than in the screening


def test_a_candidate_has_its_own_pace_or_the_slowest_of_its_model() -> None:
    head = "encoder/m/head_only"
    times = AnswerTimes([candidate(FULL), candidate(LORA), candidate(head)], 400)
    for name, pace in ((FULL, 0.02), (LORA, 0.04), (FULL, 0.01)):
        times.take(replace(trial(name, 0, 0.3, 50.0), seconds_per_text=pace))
    assert times.seconds() == pytest.approx([8.0, 16.0, 16.0])


def test_answers_that_took_longer_than_their_trial_are_not_believed() -> None:
    times = AnswerTimes([candidate(FULL)], 400)
    for pace in (1.0, float("inf"), float("nan"), -1.0):
        assert times.take(replace(trial(FULL, 0, 0.3, 7.0), seconds_per_text=pace)) == 7.0
    assert times.seconds() == [0.0]


def test_a_slow_answer_is_not_taken_for_a_slow_training() -> None:
    """91 s for .3 of a run, 62 of them for answers: 29 s of training, so 68 s and the answers are ahead, not 213 s."""
    slow = replace(trial(FULL, 1, 0.3, 91.0, n=1161), seconds_per_text=62 / 1161)
    made = standings({FULL: 112.0, LORA: 112.0}, [slow], n_items=1161)
    assert made.price(FULL, 2) == pytest.approx(29 / 0.3 * 0.7 + 62)
    # Of the same model: (29 + 5) / (33.6 + 5) times its forecast, and the answers.
    assert made.price(LORA, 2) == pytest.approx(112 * 34 / 38.6 + 62)


def test_a_rung_is_dear_where_answering_takes_longer_than_training() -> None:
    made = replace(
        standings({FULL: 100.0}, n_items=400), screening=Screening((), {}, (), (), 0.0, "", {"encoder/m": 0.1})
    )
    offered = made.purchases()
    assert offered.seconds[0] == pytest.approx([10 + 40, 30 + 40, 100 + 40])
    assert offered.scoring is not None
    assert offered.scoring[0] == pytest.approx(40.0)
