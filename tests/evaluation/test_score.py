from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.evaluation.score import centred, draws, loss_of, measured, score
from goldilocks.support.scoring.statistics import bootstrap_weights

ACCURACY = plugins.load("metrics", "accuracy")
MACRO_F1 = plugins.load("metrics", "macro_f1")


def test_score_is_the_metric_over_all_items() -> None:
    assert score(ACCURACY, ["a", "b", "c"], ["a", "b", "a"]) == pytest.approx(2 / 3)


def test_interval_of_accuracy_is_about_that_of_the_binomial() -> None:
    gold = ["a"] * 400
    got = measured(ACCURACY, gold, ["a"] * 340 + ["b"] * 60, n_draws=4000)
    low, high = stats.binom(400, 0.85).ppf([0.025, 0.975]) / 400
    assert (got.value, got.n) == pytest.approx((0.85, 400))
    assert (got.low, got.high) == pytest.approx((low, high), abs=0.006)


def test_draws_are_the_metric_of_the_items_drawn() -> None:
    rng = np.random.default_rng(0)
    gold, predicted = rng.choice(["x", "y", "z"], 40), rng.choice(["x", "y", "z"], 40)
    weights = bootstrap_weights(40, 25, seed=2)
    got = draws(MACRO_F1, gold.tolist(), predicted.tolist(), weights)
    for row, value in zip(weights, got, strict=True):
        again = np.repeat(np.arange(40), row)
        assert value == pytest.approx(f1_score(gold[again], predicted[again], average="macro"))


def _replies(rng: np.random.Generator, n: int) -> list[str]:
    """Replies of words as common as in life (Zipf), a fifth of them the same stock phrase."""
    chance = 1 / np.arange(1, 1001)
    words = rng.choice(1000, size=(n, 8), p=chance / chance.sum())
    stock = rng.random(n) < 0.2
    return [
        "i do not know" if one else " ".join(f"w{word}" for word in row) for row, one in zip(words, stock, strict=True)
    ]


@pytest.mark.parametrize("name", ["distinct_1", "distinct_2"])
def test_interval_of_a_metric_that_counts_different_things_covers_and_holds_its_value(name: str) -> None:
    metric, n, rng = plugins.load("metrics", name), 40, np.random.default_rng(0)
    truth = np.mean([score(metric, [""] * n, _replies(rng, n)) for _ in range(300)])
    found = [measured(metric, [""] * n, _replies(rng, n), n_draws=100) for _ in range(120)]
    assert all(one.low <= one.value <= one.high for one in found)
    # 95 % is asked for; of 120 runs the share is known to ±4 points (two standard errors).
    assert 0.9 <= np.mean([one.low <= truth <= one.high for one in found]) <= 1
    spread = np.std([one.value for one in found])
    assert np.mean([one.high - one.low for one in found]) == pytest.approx(2 * 2.02 * spread, rel=0.25)  # t of 39


def test_answers_without_a_repeated_word_are_known_to_have_none() -> None:
    got = measured(plugins.load("metrics", "distinct_1"), [""] * 30, [f"a{i} b{i}" for i in range(30)])
    assert (got.value, got.low, got.high) == (1, 1, 1)


def test_draws_that_lie_beside_the_value_are_moved_to_it_for_comparisons() -> None:
    beside, about = np.array([0.2, 0.3, 0.4]), np.array([0.2, 0.3, 0.41])
    assert centred(beside, 0.6).tolist() == pytest.approx([0.5, 0.6, 0.7])
    assert centred(about, 0.3).tolist() == about.tolist()


def test_one_item_has_no_spread() -> None:
    got = measured(ACCURACY, ["a"], ["a"])
    assert (got.value, got.low, got.high, got.n) == (1.0, 1.0, 1.0, 1)


def test_loss_runs_from_best_to_worst_whichever_way_the_metric_runs() -> None:
    class ErrorPercent:
        HIGHER_IS_BETTER = False
        RANGE = (0.0, 100.0)

    assert loss_of(ACCURACY, np.array([1.0, 0.25])).tolist() == [0.0, 0.75]
    assert loss_of(ErrorPercent, np.array([0.0, 25.0])).tolist() == [0.0, 0.25]  # type: ignore[arg-type]


def test_items_that_do_not_match_are_refused() -> None:
    with pytest.raises(InputError, match="2 gold and 1 predicted"):
        score(ACCURACY, ["a", "b"], ["a"])
    with pytest.raises(InputError, match="0 gold and 0 predicted"):
        measured(ACCURACY, [], [])
    with pytest.raises(InputError, match="weights are for 3 items, there are 2"):
        draws(ACCURACY, ["a", "b"], ["a", "b"], bootstrap_weights(3, 5, 0))
