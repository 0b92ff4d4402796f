from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import mean_absolute_error

from goldilocks import plugins
from goldilocks.evaluation.score import measured, score

REFERENCES = {
    "pearson": lambda gold, predicted: pearsonr(gold, predicted).statistic,
    "spearman": lambda gold, predicted: spearmanr(gold, predicted).statistic,
    "mae": mean_absolute_error,
}


def _scores(seed: int, n: int = 300) -> tuple[list[float], list[float]]:
    rng = np.random.default_rng(seed)
    gold = np.round(rng.uniform(0, 5, n) * 4) / 4  # quarters, so that there are ties
    predicted = np.round(gold + rng.normal(0, 1, n), seed)
    return gold.tolist(), predicted.tolist()


@pytest.mark.parametrize("name", sorted(REFERENCES))
@pytest.mark.parametrize("seed", [0, 1, 5])
def test_value_of_scores_is_that_of_the_reference(name: str, seed: int) -> None:
    gold, predicted = _scores(seed)
    expected = float(REFERENCES[name](gold, predicted))
    assert score(plugins.load("metrics", name), gold, predicted) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", ["pearson", "spearman"])
def test_scale_of_the_scores_does_not_matter_to_a_correlation(name: str) -> None:
    gold, predicted = _scores(2)
    metric = plugins.load("metrics", name)
    moved = [1e6 + 0.001 * answer for answer in predicted]
    assert score(metric, gold, moved) == pytest.approx(score(metric, gold, predicted), abs=1e-4)


def test_resample_is_ranked_anew() -> None:
    spearman = plugins.load("metrics", "spearman")
    gold, predicted = [1.0, 2.0, 3.0, 4.0, 5.0], [2.0, 1.0, 5.0, 3.0, 4.0]
    weights = np.array([[2.0, 0.0, 1.0, 1.0, 1.0]])
    drawn = np.repeat(np.arange(5), weights[0].astype(int))
    expected = spearmanr(np.array(gold)[drawn], np.array(predicted)[drawn]).statistic
    assert spearman.total(np.asarray(weights @ spearman.items(gold, predicted)))[0] == pytest.approx(expected)


@pytest.mark.parametrize("name", ["pearson", "spearman"])
def test_same_answer_to_everything_correlates_with_nothing(name: str) -> None:
    result = measured(plugins.load("metrics", name), [1.0, 2.0, 3.0], [2.5, 2.5, 2.5])
    assert result.value == 0.0
    assert -1 < result.low < 0 < result.high < 1  # three items say little, and never nothing at all
