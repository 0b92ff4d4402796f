"""Bounds of a loss, against a numerical solution of the same definition and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from goldilocks import plugins
from goldilocks.compression.gate import changed_share, fewest_rows, paired_loss, tango_bound

Z = 1.6448536269514722
"""95% quantile of the standard normal distribution."""


@pytest.mark.parametrize(("worse", "better", "n"), [(5, 2, 100), (9, 1, 50), (0, 4, 40), (30, 30, 1_000)])
def test_bound_is_where_the_score_statistic_of_paired_shares_reaches_its_quantile(
    worse: int, better: int, n: int
) -> None:
    bound = tango_bound(worse, better, n)

    def minus_log_likelihood(share: float) -> float:
        probabilities = (share + bound, share, 1 - 2 * share - bound)
        return -sum(k * math.log(p) for k, p in zip((worse, better, n - worse - better), probabilities, strict=True))

    # The share of rows that got better, given that the difference is the bound.
    share = minimize_scalar(
        minus_log_likelihood, bounds=(1e-12, (1 - bound) / 2 - 1e-12), method="bounded", options={"xatol": 1e-12}
    ).x
    statistic = (worse - better - n * bound) / math.sqrt(n * (2 * share + bound - bound**2))
    assert statistic == pytest.approx(-Z, abs=1e-3)


def test_no_changed_row_still_leaves_room_for_a_loss() -> None:
    # z² / (n + z²)
    assert tango_bound(0, 0, 100) == pytest.approx(Z**2 / (100 + Z**2))


def test_fewest_rows_are_the_first_that_pass_without_a_change() -> None:
    n = fewest_rows(0.01)

    assert tango_bound(0, 0, n) <= 0.01 < tango_bound(0, 0, n - 1)


def test_loss_of_accuracy_is_that_of_the_rows_that_changed() -> None:
    gold = ["a"] * 100
    original = ["a"] * 90 + ["b"] * 10
    compressed = ["b"] * 5 + ["a"] * 87 + ["b"] * 8  # five got worse, two better

    loss = paired_loss(plugins.load("metrics", "accuracy"), gold, original, compressed)

    assert loss.value == pytest.approx(0.03)
    assert loss.high == pytest.approx(tango_bound(5, 2, 100))
    assert loss.low == pytest.approx(-tango_bound(2, 5, 100))


def test_unchanged_answers_bound_the_loss_of_any_metric_by_the_number_of_rows() -> None:
    gold = ["a", "b", "c"] * 20
    answers = ["a", "b", "b"] * 20

    loss = paired_loss(plugins.load("metrics", "macro_f1"), gold, answers, answers)

    assert loss.value == 0
    assert loss.high == pytest.approx(Z**2 / (60 + Z**2))


def test_loss_of_macro_f1_has_an_interval_about_it() -> None:
    gold = ["a", "b"] * 200
    original = list(gold)
    compressed = [("b" if answer == "a" else "a") if place % 10 == 0 else answer for place, answer in enumerate(gold)]

    loss = paired_loss(plugins.load("metrics", "macro_f1"), gold, original, compressed)

    assert loss.low < loss.value < loss.high
    # A tenth of the rows is wrong now, all of them "a": between half and double that many with certainty.
    assert loss.low > 0.05
    assert loss.high < 0.2


def test_more_error_is_a_loss_where_lower_is_better() -> None:
    gold = [1.0, 2.0, 3.0, 4.0] * 10
    off = [value + 0.5 for value in gold]

    loss = paired_loss(plugins.load("metrics", "mae"), gold, gold, off)

    assert loss.value == pytest.approx(0.5)


def test_changed_answers_are_counted_and_tiny_differences_are_none() -> None:
    assert changed_share(["a", "b", "a", "b"], ["a", "b", "b", "b"]).value == 0.25
    assert changed_share([0.5, 0.5], [0.5004, 0.52]).value == 0.5
    assert changed_share([(0.1, 0.9)], [(0.1, 0.8)]).value == 1.0
    assert changed_share([("B-x", "O")], [("B-x", "O")]).value == 0.0


def test_bound_holds_the_true_loss_in_nineteen_cases_of_twenty() -> None:
    rng = np.random.default_rng(0)
    n, worse, better = 300, 0.06, 0.03
    draws = rng.multinomial(n, [worse, better, 1 - worse - better], size=1_000)

    held = np.mean([tango_bound(int(a), int(b), n) >= worse - better for a, b, _ in draws])

    # 1,000 draws: the share has a standard error of 0.007.
    assert held == pytest.approx(0.95, abs=0.025)
