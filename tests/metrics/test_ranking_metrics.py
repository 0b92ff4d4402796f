from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from goldilocks import plugins
from goldilocks.evaluation.score import score


@pytest.mark.parametrize("steps", [1000, 3])
def test_ndcg_is_that_of_scikit_learn_with_and_without_ties(steps: int) -> None:
    rng = np.random.default_rng(steps)
    gold = rng.integers(0, 4, (50, 15)).astype(float)
    predicted = np.round(rng.uniform(0, 1, (50, 15)) * steps)
    result = score(
        plugins.load("metrics", "ndcg"),
        [tuple(answer) for answer in gold],
        [tuple(answer) for answer in predicted.tolist()],
    )
    assert result == pytest.approx(ndcg_score(gold, predicted, k=10), abs=1e-6)


def test_tied_candidates_count_as_the_mean_over_their_orders() -> None:
    relevance, scores = (0.0, 1.0, 0.0, 1.0, 1.0), (0.5, 0.5, 0.5, 0.5, 0.9)
    # Spelled out: the last stands first; the other four in every order behind it.
    mrr = plugins.load("metrics", "mrr")
    assert score(mrr, [relevance], [scores]) == pytest.approx(1.0)
    assert score(mrr, [relevance[:4]], [scores[:4]]) == pytest.approx(
        np.mean([1 / (1 + min(order.index(1), order.index(3))) for order in permutations(range(4))])
    )


def test_recall_counts_only_the_first_ten() -> None:
    recall = plugins.load("metrics", "recall_at_10")
    gold = tuple(float(place in (0, 9, 10, 19)) for place in range(20))
    assert score(recall, [gold], [tuple(-float(place) for place in range(20))]) == 2 / 4


@pytest.mark.parametrize(("depth", "recall"), [(1, 1 / 4), (5, 2 / 4), (10, 3 / 4)])
def test_recall_goes_as_deep_as_its_name(depth: int, recall: float) -> None:
    gold = tuple(float(place in (0, 4, 9, 10)) for place in range(20))

    assert score(plugins.load("metrics", f"recall_at_{depth}"), [gold], [tuple(range(20, 0, -1))]) == recall


@pytest.mark.parametrize("name", ["ndcg", "mrr", "recall_at_1", "recall_at_5", "recall_at_10"])
def test_query_with_nothing_to_find_is_left_out(name: str) -> None:
    metric = plugins.load("metrics", name)
    result = (1.0, 0.0), (0.9, 0.1)
    assert score(metric, [result[0], (0.0, 0.0)], [result[1], (0.3, 0.4)]) == 1.0
    assert score(metric, [(0.0, 0.0)], [(0.3, 0.4)]) == 0.0


@pytest.mark.parametrize("name", ["ndcg", "mrr", "recall_at_1", "recall_at_5", "recall_at_10"])
def test_nothing_is_won_by_the_order_of_the_candidates(name: str) -> None:
    metric = plugins.load("metrics", name)
    first, last = (1.0, *(0.0,) * 11), (*(0.0,) * 11, 1.0)
    assert score(metric, [first], [(0.5,) * 12]) == pytest.approx(score(metric, [last], [(0.5,) * 12]))
