from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from goldilocks.estimators import knn


def test_it_is_scikit_learns_leave_one_out_accuracy() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 80)  # two labels and five votes: no ties
    features = rng.normal(size=(80, 6)) + 0.7 * np.eye(6)[labels]
    centred = features - features.mean(0)
    theirs = KNeighborsClassifier(5, metric="cosine")
    wanted = cross_val_score(theirs, centred, labels, cv=LeaveOneOut()).mean()
    assert knn.estimate(features, labels, seed=0) == pytest.approx(wanted)


def test_a_text_is_not_its_own_neighbour() -> None:
    # Two places, at each five texts of one label and one of the other: only the majorities are guessed right.
    features = np.repeat([[1.0, 0.0], [-1.0, 0.5]], 6, axis=0)
    labels = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0])
    assert knn.estimate(features, labels, seed=0) == pytest.approx(10 / 12)


def test_many_texts_are_asked_about_in_part() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(3 * knn.ASKED) % 2
    features = (rng.normal(size=(len(labels), 4)) + 2 * np.eye(4)[labels]).astype(np.float32)
    some = knn.estimate(features, labels, seed=0)
    assert some == pytest.approx(knn.estimate(features, labels, seed=1), abs=0.04)
    assert (some * knn.ASKED) % 1 == pytest.approx(0)


def test_one_text_has_no_neighbour() -> None:
    assert knn.estimate(np.ones((1, 3)), np.array([0]), seed=0) == 0
