"""Mean reciprocal rank: 1 / rank of the first relevant candidate.

Of candidates with equal scores every order is equally likely, and the mean over these orders is taken. Queries without
a relevant candidate are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

from goldilocks.metrics._shared.ranking import Array, mean, per_item, tied
from goldilocks.protocols import Floats
from goldilocks.records import Output

OUTPUTS = frozenset({Output.SCORE})
HIGHER_IS_BETTER = True
RANGE = (0.0, 1.0)
SOURCE = "Voorhees 1999, 'The TREC-8 Question Answering Track Report'; ties by their mean."
EXAMPLES = (
    (((0.0, 1.0, 1.0), (1.0, 0.0)), ((0.9, 0.5, 0.1), (0.9, 0.1)), 3 / 4),
    # one of three at one score: (1 + 1/2 + 1/3) / 3
    (((0.0, 1.0, 0.0),), ((0.5, 0.5, 0.5),), 11 / 18),
)


def items(gold: Sequence[tuple[float, ...]], predicted: Sequence[tuple[float, ...]]) -> Floats:
    """``(1 / rank, 1)`` for each query, shape ``(n_items, 2)``; zeros where nothing is relevant."""
    return per_item(gold, predicted, _one)


def _one(relevance: Array, scores: Sequence[float]) -> float:
    for before, group in tied(relevance, scores):
        size, right = len(group), int((group > 0).sum())
        if right:  # share of all orders in which the first relevant one is at place j of the group
            orders = [comb(size - place, right - 1) for place in range(1, size - right + 2)]
            return sum(order / (before + place) for place, order in enumerate(orders, 1)) / comb(size, right)
    return 0.0


def total(sums: Floats) -> Floats:
    """The mean over queries, for each row of ``sums``."""
    return mean(sums)
