from __future__ import annotations

from math import log
from pathlib import Path

import numpy as np
import pytest

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.evaluation.score import score
from goldilocks.protocols import OneShotEstimator
from goldilocks.records import Goal, Output, Part
from goldilocks.testing import tiny


def _model() -> OneShotEstimator:
    bm25 = plugins.load("families", "bm25")
    model = bm25.create(bm25.models()[0], None, Part(), Goal(Output.SCORE), seed=0)
    assert isinstance(model, OneShotEstimator)
    return model


def test_score_is_bm25_by_hand() -> None:
    model = _model()
    model.fit([("cat", "a cat cat", "a dog", "the the the the")], [(1.0, 0.0, 0.0)], seed=0)
    result = model.predict([("cat a", "a cat cat", "a dog", "the the the the")]).values[0]
    # Three candidates of 3, 2 and 4 words, 3 in the mean; "cat" is in one of them, "a" in two.
    cat, a = log(1 + 2.5 / 1.5), log(1 + 1.5 / 2.5)
    first = cat * 2 * 2.2 / (2 + 1.2) + a * 2.2 / (1 + 1.2)
    second = a * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 2 / 3))
    assert result == pytest.approx((first, second, 0.0))


def test_pairs_get_scores_on_the_scale_of_train() -> None:
    part = Part(
        texts=tuple(
            (f"one two three {i}", f"one two three {i}" if i % 2 else f"nothing like it {i}") for i in range(40)
        ),
        gold=tuple(5.0 if i % 2 else 1.0 for i in range(40)),
    )
    model = _model()
    model.fit(part.texts, part.gold, seed=0)
    same, different = model.predict([("the red cat", "the red cat"), ("the red cat", "some blue dog")]).values
    assert isinstance(same, float)
    assert isinstance(different, float)
    assert 1.0 <= different < 2.5 < 4.0 < same <= 5.0


def test_ranking_finds_the_candidate_with_the_words_of_the_query() -> None:
    case = next(entry for entry in tiny.cases([Output.SCORE]) if entry.name == "ranking")
    model = _model()
    model.fit(case.part.texts, case.part.gold, seed=0)
    queries = [("fresh bread", "old bank", "the bread", "match"), ("bank", "bread", "match", "a bank")]
    assert [int(np.argmax(np.array(value))) for value in model.predict(queries).values] == [1, 2]


def test_scores_come_back_from_disk(tmp_path: Path) -> None:
    model = _model()
    model.fit([("猫", "黑猫", "白狗")], [(1.0, 0.0)], seed=0)
    model.save(tmp_path)
    again = plugins.load("families", "bm25").restore(tmp_path)
    assert again.predict([("黑猫", "黑猫", "狗")]).values == model.predict([("黑猫", "黑猫", "狗")]).values


def test_nothing_to_fit_is_refused() -> None:
    with pytest.raises(InputError, match="fit got 0 items and 0 scores"):
        _model().fit([], [], seed=0)


def test_popularity_is_what_was_wanted_whatever_the_query(tmp_path: Path) -> None:
    majority = plugins.load("families", "majority")
    model = majority.create(majority.models()[0], None, Part(), Goal(Output.SCORE), seed=0)
    assert isinstance(model, OneShotEstimator)
    model.fit([("q", "a", "b"), ("r", "b", "c")], [(0.0, 1.0), (1.0, 0.5)], seed=0)
    assert model.predict([("new", "c", "b", "a", "d")]).values == ((0.5, 2.0, 0.0, 0.0),)
    model.fit([("a", "b"), ("c", "d")], [1.0, 4.0], seed=0)
    assert model.predict([("x", "y")]).values == (2.5,)
    model.save(tmp_path)
    assert majority.restore(tmp_path).predict([("x", "y")]).values == (2.5,)


def test_overlap_beats_the_mean_on_tiny_rankings() -> None:
    metric = plugins.load("metrics", "ndcg")
    gold = [(1.0, 0.0, 0.0), (0.0, 0.0, 1.0)]
    items = [("red cat", "a red cat", "blue", "green"), ("green", "a red cat", "blue", "green sea")]
    model = _model()
    model.fit(items, gold, seed=0)
    assert score(metric, gold, model.predict(items).values) == 1.0
