from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from goldilocks.estimators import log_me

F64 = npt.NDArray[np.float64]


def _best_evidence(features: F64, target: F64) -> float:
    """Largest log density per text of ``target`` under N(0, I/b + F Fᵀ/a), searched over log a and log b."""

    def minus(logs: F64) -> float:
        weights, noise = np.exp(logs)
        covariance = np.eye(len(target)) / noise + features @ features.T / weights
        return -float(multivariate_normal(np.zeros(len(target)), covariance).logpdf(target)) / len(target)

    starts = [np.array([a, b]) for a in (-2.0, 2.0) for b in (0.0, 3.0)]
    return -min(float(minimize(minus, start, method="Nelder-Mead", bounds=[(-20, 20)] * 2).fun) for start in starts)


@pytest.mark.parametrize(("rows", "width"), [(60, 7), (25, 40)])
def test_it_is_the_largest_marginal_likelihood_of_the_labels(rows: int, width: int) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(rows) % 3
    features = rng.normal(size=(rows, width)) + 0.8 * np.eye(width)[labels]
    wanted = np.mean([_best_evidence(features, (labels == label).astype(float)) for label in range(3)])
    assert log_me.estimate(features, labels, seed=0) == pytest.approx(wanted, abs=2e-3)


def test_the_order_of_the_labels_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(90) % 3
    features = rng.normal(size=(90, 10)) + np.eye(10)[labels]
    renamed = np.array([2, 0, 1])[labels]
    assert log_me.estimate(features, labels, seed=0) == pytest.approx(log_me.estimate(features, renamed, seed=0))


def test_a_copy_of_a_feature_costs_no_accuracy() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    features = rng.normal(size=(60, 6)) + np.eye(6)[labels]
    twice = np.concatenate([features, features], axis=1)  # half of its singular values are 0
    wanted = np.mean([_best_evidence(twice, (labels == label).astype(float)) for label in range(2)])
    assert log_me.estimate(twice, labels, seed=0) == pytest.approx(wanted, abs=2e-3)
