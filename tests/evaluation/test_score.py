from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.evaluation.pseudo_values import is_share, pseudo_values
from goldilocks.evaluation.score import centred, draws, loss_of, measured, score
from goldilocks.protocols import Metric
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
        "i do not know" if entry else " ".join(f"w{word}" for word in row)
        for row, entry in zip(words, stock, strict=True)
    ]


@pytest.mark.parametrize("name", ["distinct_1", "distinct_2"])
def test_interval_of_a_metric_that_counts_different_things_covers_and_holds_its_value(name: str) -> None:
    metric, n, rng = plugins.load("metrics", name), 40, np.random.default_rng(0)
    truth = np.mean([score(metric, [""] * n, _replies(rng, n)) for _ in range(300)])
    result = [measured(metric, [""] * n, _replies(rng, n), n_draws=100) for _ in range(120)]
    assert all(match.low <= match.value <= match.high for match in result)
    # 95% is asked for; of 120 runs the share is known to ±4 points (two standard errors).
    assert 0.9 <= np.mean([match.low <= truth <= match.high for match in result]) <= 1
    spread = np.std([match.value for match in result])
    assert np.mean([match.high - match.low for match in result]) == pytest.approx(
        2 * 2.02 * spread, rel=0.25
    )  # t of 39


def test_thirty_items_without_a_repeated_word_do_not_prove_that_there_are_none() -> None:
    got = measured(plugins.load("metrics", "distinct_1"), [""] * 30, [f"a{i} b{i}" for i in range(30)])
    assert (got.value, got.high) == (1, 1)
    assert got.low == pytest.approx(1 / (1 + 1.959964**2 / 30))  # Wilson's end of 30 of 30


def test_draws_that_lie_beside_the_value_are_moved_to_it_for_comparisons() -> None:
    beside, about = np.array([0.2, 0.3, 0.4]), np.array([0.2, 0.3, 0.41])
    assert centred(beside, 0.6).tolist() == pytest.approx([0.5, 0.6, 0.7])
    assert centred(about, 0.3).tolist() == about.tolist()


@pytest.mark.parametrize("metric", [ACCURACY, MACRO_F1])
def test_no_error_in_n_items_leaves_room_for_some(metric: Metric) -> None:
    for n in (1, 30):
        got = measured(metric, ["a"] * n, ["a"] * n)
        # Wilson's lower end of n of n is 1 / (1 + z²/n).
        assert (got.value, got.low, got.high, got.n) == pytest.approx((1.0, 1 / (1 + 1.959964**2 / n), 1.0, n))


def test_interval_of_accuracy_is_wilsons() -> None:
    # By hand for 8 of 10: (0.4902, 0.9433), Wilson 1927.
    got = measured(ACCURACY, ["a"] * 10, ["a"] * 8 + ["b"] * 2)
    assert (got.low, got.high) == pytest.approx((0.4902, 0.9433), abs=1e-4)


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


def test_pseudo_values_of_a_mean_are_the_values_of_the_items() -> None:
    table = pseudo_values(ACCURACY, ["a", "b", "c"], [["a", "b", "a"], ["b", "b", "c"]])
    assert table == pytest.approx(np.array([[1, 0], [1, 1], [0, 1]]))
    assert is_share(table, (0.0, 1.0))


def test_pseudo_values_tell_the_spread_of_a_metric_that_is_no_mean() -> None:
    rng = np.random.default_rng(1)
    gold = rng.choice(["x", "y", "z"], 400, p=[0.6, 0.3, 0.1]).tolist()
    predicted = [answer if rng.random() < 0.8 else "x" for answer in gold]
    table = pseudo_values(MACRO_F1, gold, [predicted])[:, 0]
    resampled = draws(MACRO_F1, gold, predicted, bootstrap_weights(400, 3000, 0))
    assert table.mean() == pytest.approx(score(MACRO_F1, gold, predicted), abs=0.005)
    assert table.std() / 20 == pytest.approx(resampled.std(), rel=0.1)
    assert not is_share(table, (0.0, 1.0))


def test_wide_tables_are_read_in_groups_of_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("goldilocks.evaluation.pseudo_values.MAX_CELLS", 1000)
    right = np.random.default_rng(0).random(1200) < 0.7
    table = pseudo_values(ACCURACY, ["a"] * 1200, [np.where(right, "a", "b").tolist()])
    assert table.shape == (500, 1)
    assert table.mean() == pytest.approx(right.mean(), abs=1e-3)
    assert table.std() / 500**0.5 == pytest.approx((right.mean() * (1 - right.mean()) / 1200) ** 0.5, rel=0.1)
