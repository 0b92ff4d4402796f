from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.protocols import OneShotEstimator
from goldilocks.records import Goal, Output, Part, Text

family = plugins.load("families", "span_linear")

NAMES = ("Anna", "Bo", "Clara", "Dan", "Eva", "Finn")
TOWNS = ("rome", "paris", "oslo", "lima", "cairo", "delhi")


def _rows(n_rows: int, *, unanswered: bool = False) -> tuple[list[Text], list[tuple[tuple[int, str], ...]]]:
    """Who and where questions; every third has no answer where asked for."""
    rng = np.random.default_rng(0)
    texts: list[Text] = []
    gold: list[tuple[tuple[int, str], ...]] = []
    for row in range(n_rows):
        name, town = rng.choice(NAMES), rng.choice(TOWNS)
        context = f"Once upon a time it rained a lot. Then {name} went off to {town} by train. It was cold there."
        question, answer = [("who went by train?", name), ("where did the train go to?", town)][row % 2]
        if unanswered and row % 3 == 0:
            texts.append(("how many pigs bought shares?", context))
            gold.append(())
        else:
            texts.append((question, context))
            gold.append(((context.index(answer), answer),))
    return texts, gold


def _model() -> OneShotEstimator:
    model = family.create(family.models()[0], None, Part(), Goal(Output.SPAN), seed=0)
    assert isinstance(model, OneShotEstimator)
    return model


def test_ranker_learns_what_who_and_where_ask_for() -> None:
    texts, gold = _rows(60)
    model = _model()
    model.fit(texts, gold, seed=0)
    context = "It was late. Then Greta went off to bonn by train. Nobody saw it."
    asked = [("who went by train?", context), ("where did the train go to?", context)]
    assert model.predict(asked).values == ("Greta", "bonn")


def test_question_without_an_answer_gets_none(tmp_path: Path) -> None:
    texts, gold = _rows(90, unanswered=True)
    model = _model()
    model.fit(texts, gold, seed=0)
    answers = model.predict(texts)
    right = [value == (right[0][1] if right else "") for value, right in zip(answers.values, gold, strict=True)]
    assert np.mean(right) > 0.9
    assert np.mean([value == "" for value, right in zip(answers.values, gold, strict=True) if not right]) > 0.9
    model.save(tmp_path)
    assert family.restore(tmp_path).predict(texts).values == answers.values


def test_chinese_spans_are_of_characters() -> None:
    towns = ["罗马", "巴黎", "东京", "上海", "北京", "纽约"]
    contexts = [f"昨天下雨。小明坐火车去了{town}旅行。天气很冷。" for town in towns * 8]
    texts = [("小明去了哪里?", context) for context in contexts]
    gold = [((context.index(town), town),) for context, town in zip(contexts, towns * 8, strict=True)]
    model = _model()
    model.fit(texts, gold, seed=0)
    assert model.predict([("小明去了哪里?", "昨天下雨。小明坐火车去了柏林旅行。天气很冷。")]).values == ("柏林",)


def test_nothing_to_fit_is_refused() -> None:
    with pytest.raises(InputError, match="fit got 0 questions and 0 answers"):
        _model().fit([], [], seed=0)
