from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import classification_report as sklearn_report
from sklearn.metrics import confusion_matrix

from goldilocks import plugins
from goldilocks.answers import NO_LABEL, of_labels, of_values
from goldilocks.errors import InputError
from goldilocks.evaluation.classes import by_sentence, class_rows, confusion, worst_errors
from goldilocks.records import Part

LABELS = ("a", "b", "c", "d")
ACCURACY = plugins.load("metrics", "accuracy")


def _random() -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(0)
    gold = rng.choice(["a", "b", "c"], 120, p=[0.7, 0.25, 0.05]).tolist()
    return gold, [answer if rng.random() < 0.6 else str(rng.choice(list(LABELS))) for answer in gold]


def test_confusion_has_gold_in_rows() -> None:
    gold, predicted = _random()
    assert np.array_equal(confusion(gold, predicted, LABELS), confusion_matrix(gold, predicted, labels=list(LABELS)))
    assert confusion(["a"], ["b"], ("a", "b")).tolist() == [[0, 1], [0, 0]]


def test_class_rows_are_those_of_scikit_learn() -> None:
    gold, predicted = _random()
    expected = sklearn_report(gold, predicted, labels=list(LABELS), output_dict=True, zero_division=0)
    rows = class_rows(gold, predicted, LABELS)
    assert [row.label for row in rows] == list(LABELS)
    for row in rows:
        theirs = expected[row.label]
        got = (row.precision, row.recall, row.f1, row.support)
        assert got == pytest.approx([theirs[key] for key in ("precision", "recall", "f1-score", "support")])


def test_unknown_label_and_missing_answers_are_refused() -> None:
    with pytest.raises(InputError, match="label 'z' is not among"):
        confusion(["a"], ["z"], LABELS)
    with pytest.raises(InputError, match="2 gold and 1 predicted"):
        class_rows(["a", "a"], ["a"], LABELS)


def test_surest_mistakes_come_first_with_their_row_in_the_file() -> None:
    answers = of_labels(np.array([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2], [0.3, 0.7]]), ("a", "b"))
    got = worst_errors(Part(("w", "x", "y", "z"), ("a", "b", "b", "new"), (5, 6, 7, 8)), answers, ACCURACY, 2)
    assert [(entry.row, entry.text, entry.gold, entry.predicted) for entry in got] == [
        (7, "y", "b", "a"),
        (8, "z", "new", "b"),
    ]
    assert got[0].score == pytest.approx(0.8)


def test_item_without_an_answer_is_an_error_behind_those_that_are_sure() -> None:
    part = Part(("x", "y"), ("a", "a"))
    answers = of_labels(np.array([[np.nan, np.nan], [0.2, 0.8]]), ("a", "b"))
    first, second = worst_errors(part, answers, ACCURACY)
    assert (first.predicted, second.predicted, second.score) == ("b", NO_LABEL, 0)


def test_no_mistakes_and_no_texts_give_no_errors() -> None:
    assert worst_errors(Part(("x",), ("a",)), of_labels(np.array([[0.9, 0.1]]), ("a", "b")), ACCURACY) == ()
    assert worst_errors(Part(), of_labels(np.zeros((0, 2)), ("a", "b")), ACCURACY) == ()


def test_another_number_of_answers_is_refused() -> None:
    with pytest.raises(InputError, match="1 items and 2 answers"):
        worst_errors(Part(("x",), ("a",)), of_labels(np.eye(2), ("a", "b")), ACCURACY)


def test_the_number_furthest_from_the_right_one_is_the_worst_error() -> None:
    part = Part((("a", "b"), ("c", "d"), ("e", "f")), (1.0, 2.0, 5.0), (1, 2, 3))
    got = worst_errors(part, of_values((1.5, 2.0, 1.0)), plugins.load("metrics", "pearson"))
    assert [entry.row for entry in got] == [3, 1]


def test_of_several_sentences_the_wrong_one_is_shown() -> None:
    texts = (("in", "Rome", "\n", "no", "Oslo"), ("so",))
    part = Part(texts, (("O", "B-X", "O", "B-X"), ("O",)), (3, 7))
    answers = of_values([("O", "B-X", "O", "O"), ("O",)], np.array([0.5, 0.9], dtype=np.float32))
    apart, given = by_sentence(part, answers)
    assert apart.texts == (("in", "Rome"), ("no", "Oslo"), ("so",))
    result = worst_errors(apart, given, plugins.load("metrics", "entity_f1"))
    assert [(match.row, match.text, match.gold, match.predicted) for match in result] == [
        (3, "no Oslo", "O, B-X", "O, O")
    ]
    assert result[0].score == pytest.approx(0.5)
