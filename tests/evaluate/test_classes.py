from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import classification_report as sklearn_report
from sklearn.metrics import confusion_matrix

from goldilocks.errors import InputError
from goldilocks.evaluate.classes import class_rows, classification_report, confusion, worst_errors

LABELS = ("a", "b", "c", "d")


def _random() -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(0)
    gold = rng.choice(["a", "b", "c"], 120, p=[0.7, 0.25, 0.05]).tolist()
    return gold, [one if rng.random() < 0.6 else str(rng.choice(list(LABELS))) for one in gold]


def test_confusion_has_gold_in_rows() -> None:
    gold, predicted = _random()
    assert np.array_equal(confusion(gold, predicted, LABELS), confusion_matrix(gold, predicted, labels=list(LABELS)))
    assert confusion(["a"], ["b"], ("a", "b")).tolist() == [[0, 1], [0, 0]]


def test_report_is_that_of_scikit_learn() -> None:
    gold, predicted = _random()
    expected = sklearn_report(gold, predicted, labels=list(LABELS), output_dict=True, zero_division=0)
    rows = {row.label: row for row in classification_report(gold, predicted, LABELS)}
    assert list(rows) == [*LABELS, "accuracy", "macro avg", "weighted avg"]
    for name in (*LABELS, "macro avg", "weighted avg"):
        row, theirs = rows[name], expected[name]
        got = (row.precision, row.recall, row.f1, row.support)
        assert got == pytest.approx([theirs[key] for key in ("precision", "recall", "f1-score", "support")])
    assert rows["accuracy"].f1 == pytest.approx(np.mean([a == b for a, b in zip(gold, predicted, strict=True)]))


def test_label_that_does_not_occur_is_left_out_of_the_macro_average_only() -> None:
    rows = {row.label: row for row in classification_report(["a", "a"], ["a", "a"], ("a", "z"))}
    assert (rows["z"].f1, rows["z"].support) == (0.0, 0)
    assert rows["macro avg"].f1 == 1.0


def test_class_rows_have_no_totals() -> None:
    assert [row.label for row in class_rows(["a"], ["b"], ("a", "b"))] == ["a", "b"]


def test_unknown_label_and_missing_answers_are_refused() -> None:
    with pytest.raises(InputError, match="label 'z' is not among"):
        confusion(["a"], ["z"], LABELS)
    with pytest.raises(InputError, match="2 gold and 1 predicted"):
        class_rows(["a", "a"], ["a"], LABELS)
    with pytest.raises(InputError, match="no items"):
        classification_report([], [], LABELS)


def test_surest_mistakes_come_first_with_their_row_in_the_file() -> None:
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2], [0.3, 0.7]], dtype=np.float32)
    got = worst_errors(["w", "x", "y", "z"], ["a", "b", "b", "new"], probabilities, ("a", "b"), 2, rows=[5, 6, 7, 8])
    assert [(one.row, one.text, one.gold, one.predicted) for one in got] == [(7, "y", "b", "a"), (8, "z", "new", "b")]
    assert got[0].score == pytest.approx(0.8)
    assert [one.row for one in worst_errors(["w", "x"], ["b", "b"], probabilities[:2], ("a", "b"))] == [1, 2]


def test_no_mistakes_and_no_texts_give_no_errors() -> None:
    assert worst_errors(["x"], ["a"], np.array([[0.9, 0.1]], np.float32), ("a", "b")) == ()
    assert worst_errors([], [], np.zeros((0, 2), np.float32), ("a", "b")) == ()


def test_probabilities_of_another_shape_are_refused() -> None:
    with pytest.raises(InputError, match=r"probabilities of shape \(1, 3\)"):
        worst_errors(["x"], ["a"], np.zeros((1, 3), np.float32), ("a", "b"))
