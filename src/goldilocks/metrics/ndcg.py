"""NDCG at 10: discounted cumulative gain of the top ten, as a share of the ideal ranking's.

Gain is the relevance itself, the candidate at rank r counts 1 / log2(1 + r). Candidates with equal scores share the
mean of their ranks' worth, so that nothing is won by the order they came in. Queries without a relevant candidate are
left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from goldilocks.metrics._shared.ranking import Array, mean, per_item, tied
from goldilocks.protocols import Floats
from goldilocks.records import Output

OUTPUTS = frozenset({Output.SCORE})
HIGHER_IS_BETTER = True
RANGE = (0.0, 1.0)
SOURCE = (
    "Järvelin & Kekäläinen 2002, 'Cumulated Gain-Based Evaluation of IR Techniques'; ties as McSherry & Najork 2008 "
    "and scikit-learn's ndcg_score(k=10)."
)
EXAMPLES = (
    # gains 0, 1 against 1, 0: (1 / log2 3) / 1
    (((0.0, 1.0),), ((0.9, 0.1),), 1 / np.log2(3)),
    # both at one score: the mean of 1 and 1 / log2 3; the second query has nothing to find
    (((0.0, 1.0), (0.0, 0.0)), ((0.5, 0.5), (0.1, 0.9)), (1 + 1 / np.log2(3)) / 2),
)
DEPTH = 10


def items(gold: Sequence[tuple[float, ...]], predicted: Sequence[tuple[float, ...]]) -> Floats:
    """``(NDCG, 1)`` for each query, shape ``(n_items, 2)``; zeros where nothing is relevant."""
    return per_item(gold, predicted, _one)


def _one(relevance: Array, scores: Sequence[float]) -> float:
    discounts = np.zeros(len(relevance))
    discounts[:DEPTH] = 1 / np.log2(2 + np.arange(min(DEPTH, len(relevance))))
    gained = sum(
        gains.sum() * discounts[before : before + len(gains)].mean() for before, gains in tied(relevance, scores)
    )
    return float(gained / (np.sort(relevance)[::-1] @ discounts))


def total(sums: Floats) -> Floats:
    """The mean over queries, for each row of ``sums``."""
    return mean(sums)
