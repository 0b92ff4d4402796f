"""Answers to the validation texts within what is left of the budget."""

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from goldilocks.answers import Answers, of_labels, of_values
from goldilocks.records import Text
from goldilocks.selection.answers_in_time import PORTION, answers_in_time, joined

TEXTS = tuple(str(number) for number in range(200))


class Clock:
    """A clock that goes on when texts are answered."""

    def __init__(self) -> None:
        self.now = 0.0


class Model:
    """Repeats the text; a text takes ``per_text`` seconds, the first call ``first`` more."""

    def __init__(self, clock: Clock, per_text: float, first: float = 0.0) -> None:
        self.clock, self.per_text, self.first = clock, per_text, first
        self.calls: list[int] = []

    def predict(self, texts: Sequence[Text]) -> Answers:
        self.clock.now += self.per_text * len(texts) + (0.0 if self.calls else self.first)
        self.calls.append(len(texts))
        return of_values([str(text) for text in texts])


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(time, "perf_counter", lambda: made.now)
    return made


def answered(model: Model, clock: Clock, budget: float) -> Answers | None:
    return answers_in_time(model, TEXTS, lambda: budget - clock.now)


def test_a_fast_model_answers_the_rest_in_one_call(clock: Clock) -> None:
    model = Model(clock, 0.01)
    answers = answered(model, clock, 100.0)
    assert model.calls == [PORTION, 200 - PORTION]
    assert answers is not None
    assert answers.values == TEXTS


def test_a_slow_model_is_given_up_after_two_portions(clock: Clock) -> None:
    model = Model(clock, 1.0)
    assert answered(model, clock, 100.0) is None
    assert model.calls == [PORTION, PORTION]


def test_one_that_just_fits_answers_in_portions(clock: Clock) -> None:
    model = Model(clock, 1.0)
    answers = answered(model, clock, 220.0)
    assert answers is not None
    assert answers.values == TEXTS
    assert len(model.calls) > 2


def test_what_a_model_does_only_once_does_not_make_it_slow(clock: Clock) -> None:
    model = Model(clock, 0.01, first=60.0)
    assert answered(model, clock, 100.0) is not None


def test_a_model_that_could_not_answer_the_test_part_in_time_is_given_up(clock: Clock) -> None:
    model = Model(clock, 1.0)

    def left() -> float:
        return 250.0 - clock.now

    assert answers_in_time(model, TEXTS, left, lambda per_text: 40 * per_text) is not None  # 200 + 40 of 250 s
    model = Model(clock, 1.0)
    clock.now = 0.0
    assert answers_in_time(model, TEXTS, left, lambda per_text: 60 * per_text) is None
    assert len(model.calls) == 2


def test_no_texts_give_no_answers(clock: Clock) -> None:
    answers = answers_in_time(Model(clock, 1.0), (), lambda: 10.0)
    assert answers is not None
    assert len(answers) == 0


def test_portions_are_joined_as_one_call_would_answer() -> None:
    table = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], dtype=np.float32)
    whole = replace(of_labels(table, ("a", "b")), problems=("", "refused", ""))
    first, rest = of_labels(table[:1], ("a", "b")), replace(of_labels(table[1:], ("a", "b")), problems=("refused", ""))
    both = joined([first, rest])
    assert both.values == whole.values
    assert both.problems == whole.problems
    assert np.array_equal(both.probabilities, whole.probabilities)
    assert np.array_equal(both.scores, whole.scores)
