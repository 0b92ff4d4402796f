from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from goldilocks.support.scoring.acquisition import badge, core_set, entropy, expected_cost, margin, value_of_labels

RNG = np.random.default_rng(0)


def test_uncertainty_of_independent_labels_is_that_of_their_decisions() -> None:
    probabilities = np.array([[0.5, 0.5], [0.99, 0.01], [0.9, 0.6]])
    assert entropy(probabilities, several=True)[0] == pytest.approx(2 * np.log(2))
    assert margin(probabilities, several=True) == pytest.approx([1.0, 0.02, 0.8])


def test_one_label_is_never_uncertain() -> None:
    assert margin(np.ones((3, 1))).tolist() == [0, 0, 0]
    assert entropy(np.ones((3, 1))) == pytest.approx(0)


@pytest.mark.parametrize("several", [False, True])
def test_badge_draws_by_distance_between_outer_products(several: bool) -> None:
    probabilities = RNG.dirichlet(np.ones(3), 40)
    vectors = RNG.normal(size=(40, 5))
    got = badge(probabilities, vectors, 8, several=several, seed=1)

    # The same k-means++ on gradients that are written out.
    predicted = probabilities >= 0.5 if several else np.eye(3)[probabilities.argmax(1)]
    gradients = ((probabilities - predicted)[:, :, None] * vectors[:, None, :]).reshape(40, -1)
    rng = np.random.default_rng(1)
    chosen = [int((gradients**2).sum(1).argmax())]
    while len(chosen) < 8:
        nearest = (cdist(gradients, gradients[chosen]) ** 2).min(1)
        nearest[chosen] = 0
        chosen.append(int(rng.choice(40, p=nearest / nearest.sum())))
    assert got.tolist() == chosen


def test_badge_takes_each_item_once_and_first_one_that_is_uncertain() -> None:
    probabilities = np.array([[1.0, 0.0]] * 5 + [[0.6, 0.4], [0.4, 0.6]])
    got = badge(probabilities, RNG.normal(size=(7, 4)), 99).tolist()
    assert got[0] in (5, 6)
    assert sorted(got) == list(range(7))  # the certain ones have equal gradients of 0: they come in some order


def test_core_set_is_greedy_k_centre() -> None:
    points = np.array([[0.0], [1.0], [2.0], [10.0], [11.0]])
    # The mean is 4.8: the nearest is 2; then the farthest from it (11), then from both (0).
    assert core_set(points, 3).tolist() == [2, 4, 0]
    # Near a labelled 10.5 only the left group is uncovered: first its farthest item.
    assert core_set(points, 2, covered=np.array([[10.5]])).tolist() == [0, 2]
    assert sorted(core_set(points, 99).tolist()) == [0, 1, 2, 3, 4]
    assert core_set(np.zeros((0, 2)), 3).tolist() == []


def test_core_set_radius_is_at_most_twice_the_best() -> None:
    points = RNG.normal(size=(9, 2))
    chosen = core_set(points, 3)
    radius = cdist(points, points[chosen]).min(1).max()
    best = min(cdist(points, points[list(trio)]).min(1).max() for trio in combinations(range(9), 3))
    assert radius <= 2 * best + 1e-9


def test_expected_cost_is_that_of_the_cheapest_answer() -> None:
    probabilities = np.array([[0.7, 0.3], [0.5, 0.5]])
    # Gold second, answered first: 5. Item 0: answer 0 costs 0.3 * 5, answer 1 costs 0.7 * 1.
    assert expected_cost(probabilities, np.array([[0.0, 1.0], [5.0, 0.0]])) == pytest.approx([0.7, 0.5])


def test_value_is_greedy_coverage_of_risk() -> None:
    vectors, risks = RNG.normal(size=(30, 6)), RNG.uniform(size=30)
    order, values = value_of_labels(risks, vectors, 6)

    centred = vectors - vectors.mean(0)
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    similar = np.maximum(unit @ unit.T, 0) ** 2
    np.fill_diagonal(similar, 1)
    left = risks.copy()
    expected: list[int] = []
    gains: list[float] = []
    for _ in range(6):
        gain = similar @ left
        gain[expected] = -1
        expected.append(int(gain.argmax()))
        gains.append(gain.max() / 30)
        left = left * (1 - similar[expected[-1]])
    assert order.tolist() == expected
    assert values == pytest.approx(gains)
    assert (np.diff(values) <= 1e-12).all()


def test_values_add_up_to_the_whole_risk() -> None:
    risks = RNG.uniform(size=12)
    order, values = value_of_labels(risks, RNG.normal(size=(12, 3)), 12)
    assert sorted(order.tolist()) == list(range(12))
    assert values.sum() == pytest.approx(risks.mean())
