from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from goldilocks.classical import blended_linear
from goldilocks.classical.blended_linear import Features, Standardisation, label_goal, number_goal, ranking_goal, solved


def _features(rows: int, *, seed: int = 0) -> Features:
    rng = np.random.default_rng(seed)
    dense = rng.normal(size=(rows, 3))
    return Features(dense, sp.csr_array((rows, 0), dtype=np.float32))


def test_ridge_as_in_scikit_learn() -> None:
    from sklearn.linear_model import Ridge

    features = _features(40)
    answers = features.dense @ np.array([1.0, -2.0, 0.5]) + 3
    # Mean of half the squared errors + |W|² / (2 C n) is sklearn's sum of squared errors + |W|² / C.
    peer = Ridge(alpha=1 / 0.3).fit(features.dense, answers)
    weights = solved(features, number_goal(answers), np.arange(40), 0.3, 0.0)
    assert weights.dense[:, 0] == pytest.approx(peer.coef_, abs=1e-3)
    assert weights.bias[0] == pytest.approx(peer.intercept_, abs=1e-3)


def test_logistic_regression_as_in_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression

    features = _features(60)
    answers = (features.dense[:, 0] + features.dense[:, 1] ** 2 > 0.5).astype(int) + (features.dense[:, 2] > 1)
    peer = LogisticRegression(C=0.3).fit(features.dense, answers)
    weights = solved(features, label_goal(answers, 3), np.arange(60), 0.3, 0.0)
    assert pytest.approx(peer.coef_, abs=1e-2) == weights.dense.T


def test_sparse_features_have_a_penalty_of_their_own() -> None:
    features = Features(np.zeros((40, 1)), sp.csr_array(np.eye(2, dtype=np.float32)[np.arange(40) % 2]))
    goal = label_goal(np.arange(40) % 2, 2)
    weak, strong = (solved(features, goal, np.arange(40), 1.0, strength).sparse for strength in (100.0, 0.01))
    assert np.abs(weak).max() > 10 * np.abs(strong).max() > 0


def test_ranking_learns_which_feature_makes_a_candidate_fit() -> None:
    rng = np.random.default_rng(0)
    dense = rng.normal(size=(200, 2))
    relevance = [np.eye(4)[int(dense[4 * item : 4 * item + 4, 1].argmax())] for item in range(50)]
    relevance[0] = np.zeros(4)  # a list in which nothing fits has no say
    goal = ranking_goal(relevance)
    features = Features(dense, sp.csr_array((200, 0), dtype=np.float32))
    weights = blended_linear.chosen(features, goal, seed=0)
    assert weights.dense[1, 0] > 5 * abs(weights.dense[0, 0])


@pytest.mark.parametrize("goal", ["labels", "several", "numbers", "ranking"])
def test_gradient_is_that_of_the_loss(goal: str) -> None:
    rng = np.random.default_rng(1)
    goals = {
        "labels": label_goal(np.array([0, 2, 1, 2, 0, 1]), 3),
        "several": label_goal(np.array([[0, 1], [1, 1], [0, 0], [1, 0], [0, 1], [1, 1]]), 2),
        "numbers": number_goal(rng.normal(size=6)),
        "ranking": ranking_goal([np.array([0.0, 1.0, 1.0]), np.array([2.0, 0.0, 0.0])]),
    }
    chosen = goals[goal]
    loss = chosen.loss(np.arange(chosen.n_items))
    scores = rng.normal(size=(6, chosen.width))
    _, slope = loss(scores)
    for row in range(6):
        step = np.zeros_like(scores)
        step[row, 0] = 1e-6
        difference = (loss(scores + step)[0] - loss(scores - step)[0]) / 2e-6
        assert slope[row, 0] == pytest.approx(difference, abs=1e-6)


@pytest.mark.parametrize(("mean", "deviation"), [([0, 0], [1, 0]), ([0, np.nan], [1.0, 1.0]), ([0, 0], [-1.0, 1.0])])
def test_standardisation_that_gives_no_numbers_is_refused(mean: list[float], deviation: list[float]) -> None:
    with pytest.raises(ValueError, match="not finite and positive"):
        Standardisation(np.array(mean), np.array(deviation))
