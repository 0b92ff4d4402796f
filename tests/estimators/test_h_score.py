from __future__ import annotations

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf

from goldilocks.estimators import h_score


def test_it_is_the_trace_worked_out_with_scikit_learns_shrunk_covariance() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    features = rng.normal(size=(60, 8)) @ rng.normal(size=(8, 8)) + np.eye(8)[labels]
    shrunk, shrinkage = ledoit_wolf(features)
    means = np.stack([features[labels == label].mean(0) for label in labels])  # each text's label mean
    between = np.cov(means, rowvar=False, bias=True)
    wanted = (1 - shrinkage) * np.trace(np.linalg.inv(shrunk) @ between)

    assert 0 < shrinkage < 1
    assert h_score.estimate(features.astype(np.float32), labels, seed=0) == pytest.approx(wanted, rel=1e-4)


def test_two_labels_on_one_line_by_hand() -> None:
    # 1,000 texts at -1 or +1 (the label) plus or minus 0.5 in all four combinations: covariance 1.25, between 1;
    # of one feature the shrunk covariance is the covariance itself, and the shrinkage is 1 by its definition, so two
    # features: the second is an independent copy of the spread without the label (variance 1.25, by plus or minus).
    first = np.tile([-1.5, -0.5, 0.5, 1.5], 1000)
    second = np.repeat([-1.0, 1.0], 2000) * 1.25**0.5
    features = np.column_stack([first, second])
    labels = (first > 0).astype(int)
    # Covariance 1.25 I: it is its own target, so the shrinkage is 1 (nothing but level) and the score 0.
    assert h_score.estimate(features, labels, seed=0) == pytest.approx(0, abs=1e-9)
    # With the second feature stretched tenfold the target is far: shrinkage about 0, score about 1 / 1.25.
    assert h_score.estimate(features * [1, 10], labels, seed=0) == pytest.approx(0.8, abs=0.02)


def test_noise_beside_the_signal_does_not_raise_it_with_few_texts() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    noise = rng.normal(size=(60, 500))
    signal = rng.normal(size=(60, 20)) + 3 * np.eye(20)[labels]
    assert h_score.estimate(signal, labels, seed=0) > h_score.estimate(noise, labels, seed=0)


def test_features_that_are_all_the_same_say_nothing() -> None:
    assert h_score.estimate(np.ones((20, 3)), np.arange(20) % 2, seed=0) == 0
