from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from goldilocks.answers import of_labels, of_values
from goldilocks.evaluation.calibration import calibration
from goldilocks.records import Goal, Output

GOAL = Goal(Output.LABEL, ("a", "b", "c"))


def probabilities(n: int, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    rng = np.random.default_rng(seed)
    table = rng.dirichlet([0.5, 0.5, 0.5], n)
    gold = [("a", "b", "c")[rng.choice(3, p=row)] for row in table]  # calibrated by construction
    return table, gold


def test_brier_score_and_log_loss_are_those_of_scikit_learn() -> None:
    table, gold = probabilities(300)
    got = calibration(of_labels(table, "abc"), gold, GOAL)
    assert got is not None
    assert got.log_loss.value == pytest.approx(log_loss(gold, table, labels=["a", "b", "c"]), rel=1e-4)
    ones = np.array([[answer == label for label in "abc"] for answer in gold], dtype=float)
    by_label = sum(brier_score_loss(ones[:, i], table[:, i]) for i in range(3))
    assert got.brier.value == pytest.approx(by_label, rel=1e-4)
    assert got.brier.low < got.brier.value < got.brier.high


def test_calibrated_model_has_an_error_near_zero_and_an_overconfident_one_has_its_excess() -> None:
    table, gold = probabilities(4000)
    good = calibration(of_labels(table, "abc"), gold, GOAL)
    assert good is not None
    assert good.ece.value < 0.03
    assert good.ece.low < 0.01
    # Always sure, right in 3 of 4: the error is .25.
    sure = np.tile([0.9999, 0.00005, 0.00005], (400, 1))
    bad = calibration(of_labels(sure, "abc"), ["a", "a", "a", "b"] * 100, GOAL)
    assert bad is not None
    assert bad.ece.value == pytest.approx(0.25, abs=0.001)
    assert bad.ece.low > 0.15
    assert (bad.confidence, bad.accuracy) == pytest.approx((0.9999, 0.75))


def test_bins_hold_every_answer_once_and_thresholds_those_above() -> None:
    table = np.array([[0.55, 0.45], [0.55, 0.45], [0.95, 0.05], [1.0, 0.0]])
    got = calibration(of_labels(table, "ab"), ["a", "b", "a", "a"], Goal(Output.LABEL, ("a", "b")))
    assert got is not None
    assert [bin_.n for bin_ in got.bins] == [0, 0, 0, 0, 0, 2, 0, 0, 0, 2]
    assert got.bins[0].right is None
    half = got.bins[5].right
    assert half is not None
    assert half.value == 0.5
    # Wilson's interval of 1 of 2.
    assert (half.low, half.high) == pytest.approx((0.0945, 0.9055), abs=1e-4)
    above = {entry.low: entry for entry in got.above}
    assert (above[0.0].n, above[0.9].n, above[0.99].n) == (4, 2, 1)


def test_label_the_model_does_not_know_has_no_probability() -> None:
    got = calibration(of_labels(np.array([[0.5, 0.5]]), "ab"), ["new"], Goal(Output.LABEL, ("a", "b")))
    assert got is not None
    assert got.brier.value == pytest.approx(1.5)  # .25 + .25 + 1
    assert got.log_loss.value == pytest.approx(-np.log(1e-6))


def test_spans_and_tags_are_right_or_wrong_with_the_confidence_stated() -> None:
    spans = of_values(["Rome", ""], np.array([0.8, 0.6]))
    got = calibration(spans, [((4, "Rome"), (9, "roma")), ((1, "x"),)], Goal(Output.SPAN))
    assert got is not None
    assert got.brier.value == pytest.approx((0.2**2 + 0.6**2) / 2)
    assert got.accuracy == 0.5


def test_answers_without_a_confidence_have_no_calibration() -> None:
    assert calibration(of_values(["Rome"]), [((4, "Rome"),)], Goal(Output.SPAN)) is None
    assert calibration(of_values(["a text"], np.array([0.5])), ["a text"], Goal(Output.TEXT)) is None
