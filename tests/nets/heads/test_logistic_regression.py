from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from goldilocks.nets.heads.logistic_regression import fit_linear_head


def rows(n_labels: int) -> tuple[npt.NDArray[np.float64], list[int]]:
    """Features of very different sizes, and labels that they tell apart only roughly."""
    rng = np.random.default_rng(0)
    numbers = rng.integers(0, n_labels, 60)
    features = rng.normal(size=(60, 4)) + np.eye(4)[numbers]
    return features * np.array([1.0, 100.0, 0.01, 3.0]), numbers.tolist()


def probabilities(head: nn.Linear, features: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    with torch.no_grad():
        return head(torch.from_numpy(features).float()).softmax(1).numpy()  # type: ignore[no-any-return]


@pytest.mark.parametrize("n_labels", [2, 3, 4])
def test_head_gives_the_probabilities_of_scikit_learn_on_scaled_features(n_labels: int) -> None:
    features, numbers = rows(n_labels)
    head = nn.Linear(4, n_labels)
    fit_linear_head(head, features, numbers)
    scaled = features / features.std(0)
    expected = LogisticRegression(max_iter=300).fit(scaled, numbers).predict_proba(scaled)
    np.testing.assert_allclose(probabilities(head, features), expected, atol=1e-5)


def test_label_without_a_row_is_never_predicted() -> None:
    features, numbers = rows(2)
    head = nn.Linear(4, 3)
    fit_linear_head(head, features, [2 * number for number in numbers])  # labels 0 and 2
    got = probabilities(head, features)
    assert got[:, 1].max() == 0
    other = nn.Linear(4, 2)
    fit_linear_head(other, features, numbers)
    np.testing.assert_allclose(got[:, [0, 2]], probabilities(other, features), atol=1e-6)


def test_single_label_is_always_the_answer() -> None:
    features, _ = rows(2)
    head = nn.Linear(4, 3)
    fit_linear_head(head, features, [1] * len(features))
    assert probabilities(head, 1e3 * features).argmax(1).tolist() == [1] * len(features)


@pytest.mark.parametrize("value", [0.0, 0.3, 1000.0])
def test_feature_that_is_the_same_in_all_rows_changes_nothing(value: float) -> None:
    features, numbers = rows(2)
    wide = np.hstack([features, np.full((60, 1), value)])
    head, wider = nn.Linear(4, 2), nn.Linear(5, 2)
    fit_linear_head(head, features, numbers)
    fit_linear_head(wider, wide, numbers)
    np.testing.assert_allclose(probabilities(wider, wide), probabilities(head, features), atol=1e-5)
    assert wider.weight[:, 4].tolist() == [0.0, 0.0]
