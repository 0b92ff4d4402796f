from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from goldilocks import plugins
from goldilocks.evaluation.score import score

REFERENCES: dict[str, Callable[[list[str], list[str]], float]] = {
    "accuracy": accuracy_score,
    "macro_f1": lambda gold, predicted: f1_score(gold, predicted, average="macro"),
    "weighted_f1": lambda gold, predicted: f1_score(gold, predicted, average="weighted"),
}


@pytest.mark.parametrize("name", sorted(REFERENCES))
@pytest.mark.parametrize(("labels", "right"), [(2, 0.9), (6, 0.5), (80, 0.7)])
def test_value_is_that_of_scikit_learn(name: str, labels: int, right: float) -> None:
    rng = np.random.default_rng(labels)
    # Some labels are then in gold or predicted only; scikit-learn scores them 0 in the macro mean, and so do we.
    gold = [f"l{entry}" for entry in rng.geometric(min(0.6, 3 / labels), 300) % labels]
    predicted = [answer if rng.random() < right else f"l{rng.integers(labels)}" for answer in gold]
    expected = REFERENCES[name](gold, predicted)
    assert score(plugins.load("metrics", name), gold, predicted) == pytest.approx(expected, abs=1e-9)


def test_rare_class_weighs_as_much_as_common_class_in_macro_f1() -> None:
    gold = ["common"] * 99 + ["rare"]
    # common: P 0.99, R 1 -> F1 198/199; rare: 0 -> the mean is 99/199.
    assert score(plugins.load("metrics", "macro_f1"), gold, ["common"] * 100) == pytest.approx(99 / 199)


def test_class_that_a_resample_does_not_hold_is_left_out_of_macro_f1() -> None:
    macro_f1 = plugins.load("metrics", "macro_f1")
    items = macro_f1.items(["a", "a", "b"], ["a", "a", "a"])
    without_b = np.array([[2.0, 1.0, 0.0]]) @ items
    assert macro_f1.total(np.asarray(without_b)).tolist() == [1.0]


def test_widths_stay_sparse_with_many_labels() -> None:
    gold = [str(i) for i in range(2_000)]
    items = plugins.load("metrics", "macro_f1").items(gold, gold)
    assert items.shape == (2_000, 6_000)
    assert getattr(items, "nnz", None) == 6_000
