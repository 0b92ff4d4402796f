from __future__ import annotations

import pytest
from scipy import stats

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.evaluation.slices import slices

ACCURACY = plugins.load("metrics", "accuracy")


def _language(text: str) -> str:
    return "zh" if any("一" <= character <= "鿿" for character in text) else "en"


def test_lengths_fall_into_parts_of_equal_size() -> None:
    texts = ["x" * n for n in range(1, 31)]
    gold = ["a"] * 30
    predicted = ["a"] * 10 + ["b"] * 5 + ["a"] * 5 + ["b"] * 10
    rows = [row for row in slices(texts, gold, predicted, ACCURACY, _language) if row.by == "length"]
    assert [(row.name, row.n) for row in rows] == [
        ("1 to 10 characters", 10),
        ("11 to 20 characters", 10),
        ("21 to 30 characters", 10),
    ]
    assert [row.score.value for row in rows] == [1.0, 0.5, 0.0]
    assert rows[1].score.low < 0.5 < rows[1].score.high


def test_texts_of_one_length_make_one_part() -> None:
    rows = slices(["same"] * 12, ["a"] * 12, ["a"] * 12, ACCURACY, _language)
    assert [(row.name, row.n) for row in rows if row.by == "length"] == [("4 to 4 characters", 12)]


def test_a_label_is_given_by_its_recall_with_its_wilson_interval() -> None:
    gold = ["a"] * 10 + ["b"] * 5
    predicted = ["a"] * 8 + ["b"] * 7
    rows = {row.name: row for row in slices(["t"] * 15, gold, predicted, ACCURACY, _language) if row.by == "label"}
    assert list(rows) == ["a (recall)", "b (recall)"]
    expected = stats.binomtest(8, 10).proportion_ci(method="wilson")
    got = rows["a (recall)"].score
    assert (got.value, got.low, got.high) == pytest.approx((0.8, expected.low, expected.high))
    assert (got.unit, got.n) == ("recall", 10)


def test_languages_with_few_texts_are_counted_together() -> None:
    texts = ["soup"] * 20 + ["面包"] * 12 + ["??"] * 3
    names = {"soup": "en", "面包": "zh", "??": "und"}
    rows = [row for row in slices(texts, ["a"] * 35, ["a"] * 35, ACCURACY, names.__getitem__) if row.by == "language"]
    assert [(row.name, row.n) for row in rows] == [("en", 20), ("zh", 12), ("other", 3)]


def test_answers_that_do_not_match_the_texts_are_refused() -> None:
    with pytest.raises(InputError, match="2 texts, 1 gold and 2 predicted"):
        slices(["x", "y"], ["a"], ["a", "b"], ACCURACY, _language)
