from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from scipy import stats
from sklearn.metrics import classification_report, confusion_matrix

from goldilocks.errors import InputError
from goldilocks.support.scoring import statistics
from goldilocks.support.scoring.statistics import (
    bootstrap_weights,
    class_counts,
    class_scores,
    class_totals,
    holm,
    interval,
    jackknife_interval,
    jackknife_weights,
    mcnemar_exact,
    small_class_counts,
    weighted_sums,
    wilson,
)


def test_every_resample_draws_as_many_items_as_there_are() -> None:
    weights = bootstrap_weights(50, 300, seed=1)
    assert weights.shape == (300, 50)
    assert (weights.sum(1, dtype=int) == 50).all()
    assert weights.mean() == pytest.approx(1.0)
    # A count is binomial(50, 1/50): variance 0.98.
    assert weights.astype(float).var() == pytest.approx(0.98, rel=0.05)


def test_same_seed_gives_same_draws_and_another_gives_others() -> None:
    assert np.array_equal(bootstrap_weights(9, 20, 3), bootstrap_weights(9, 20, 3))
    assert not np.array_equal(bootstrap_weights(9, 20, 3), bootstrap_weights(9, 20, 4))


def test_jackknife_of_a_mean_is_the_t_interval() -> None:
    values = np.random.default_rng(0).gamma(2.0, size=30)
    weights = jackknife_weights(30, seed=0)
    got = jackknife_interval(float(values.mean()), weights @ values / 29)
    assert got == pytest.approx(stats.t(29, values.mean(), stats.sem(values)).interval(0.95))


def test_jackknife_of_many_items_leaves_out_groups_of_about_one_size() -> None:
    left_out = 1 - jackknife_weights(1_030, seed=0, limit=100).astype(int)
    assert left_out.shape == (100, 1_030)
    assert (left_out.sum(0) == 1).all()
    assert set(left_out.sum(1)) == {10, 11}
    with pytest.raises(InputError, match="jackknife over 1 items; leaving one out takes at least 2"):
        jackknife_weights(1, seed=0)


def test_memory_of_the_draws_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "MAX_COUNTS", 100_000)
    assert bootstrap_weights(250, 1_000, 0).shape == (400, 250)
    assert bootstrap_weights(1_000, 1_000, 0).shape == (200, 1_000)  # never under 200


def test_drawing_from_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="over 0 items"):
        bootstrap_weights(0, 10, 0)


def test_sums_are_the_plain_product_for_dense_and_sparse_items() -> None:
    weights = bootstrap_weights(30, 50, 0)
    items = np.random.default_rng(0).integers(0, 2, (30, 4)).astype(np.float32)
    expected = weights.astype(int) @ items
    assert np.array_equal(weighted_sums(weights, items), expected)
    assert np.array_equal(weighted_sums(weights, sp.csr_array(items)), expected)


def test_class_counts_are_hits_claims_and_reals() -> None:
    # classes a, b: first third hits, then claims, then reals
    got = class_counts(["a", "b", "b"], ["a", "a", "b"]).toarray()
    assert got.tolist() == [[1, 0, 1, 0, 1, 0], [0, 0, 1, 0, 0, 1], [0, 1, 0, 1, 0, 1]]
    with pytest.raises(InputError, match="1 gold and 2 predicted"):
        class_counts(["a"], ["a", "b"])


def test_interval_cuts_the_same_share_off_both_ends() -> None:
    assert interval(np.arange(1001.0), 0.9) == pytest.approx((50.0, 950.0))


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (1, 10), (8, 10), (10, 10), (450, 500)])
def test_wilson_interval_is_that_of_scipy(hits: int, n: int) -> None:
    expected = stats.binomtest(hits, n).proportion_ci(0.95, method="wilson")
    assert wilson(hits, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_refuses_more_hits_than_items() -> None:
    with pytest.raises(InputError, match="11 hits of 10"):
        wilson(11, 10)


def test_report_totals_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    gold = rng.choice(["a", "b", "c"], 120, p=[0.7, 0.25, 0.05]).tolist()
    predicted = [answer if rng.random() < 0.6 else str(rng.choice(["a", "b", "c", "d"])) for answer in gold]
    expected = classification_report(gold, predicted, output_dict=True, zero_division=0)

    totals = {name: rest for name, *rest in class_totals(confusion_matrix(gold, predicted).tolist())}

    assert totals["accuracy"] == [None, None, pytest.approx(expected["accuracy"]), 120]
    for name in ("macro avg", "weighted avg"):
        keys = ("precision", "recall", "f1-score", "support")
        assert totals[name] == pytest.approx([expected[name][key] for key in keys])


def test_label_that_does_not_occur_is_left_out_of_the_macro_average_only() -> None:
    confusion = np.array([[2, 0], [0, 0]])
    assert class_scores(confusion).tolist() == [[1, 1, 1, 2], [0, 0, 0, 0]]
    assert class_totals(confusion.tolist())[1] == ("macro avg", 1.0, 1.0, 1.0, 2)


def test_nothing_answered_has_no_totals() -> None:
    assert class_totals(()) == ()


@pytest.mark.parametrize(("first", "second"), [(0, 1), (0, 6), (1, 8), (5, 5), (12, 3), (40, 60), (100, 60)])
def test_mcnemar_is_the_exact_binomial_test(first: int, second: int) -> None:
    expected = stats.binomtest(first, first + second, 0.5).pvalue
    assert mcnemar_exact(first, second) == pytest.approx(expected)
    assert mcnemar_exact(second, first) == pytest.approx(expected)


def test_mcnemar_of_models_that_never_differ_is_one() -> None:
    assert mcnemar_exact(0, 0) == 1.0
    with pytest.raises(InputError, match="below 0"):
        mcnemar_exact(-1, 3)


def test_holm_steps_down_and_never_falls() -> None:
    # sorted .005 .01 .03 .04 times 4 3 2 1 -> .02 .03 .06 .04, and the last is lifted to .06
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([0.7, 0.9]) == (1.0, 1.0)
    assert holm([]) == ()
    with pytest.raises(InputError, match="between 0 and 1"):
        holm([0.5, 1.5])


def test_small_counts_are_the_same_counts_as_an_array(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    gold, predicted = (np.array(list("abcde"))[rng.integers(0, 5, 200)].tolist() for _ in range(2))
    got = small_class_counts(gold, predicted)
    assert isinstance(got, np.ndarray)
    assert (got == class_counts(gold, predicted).toarray()).all()
    several = [("a", "b"), "c"]
    assert (small_class_counts(several, ["a", ()]).toarray() == class_counts(several, ["a", ()]).toarray()).all()  # type: ignore[union-attr]
    with pytest.raises(InputError, match="2 gold and 1 predicted"):
        small_class_counts(["a", "b"], ["a"])
