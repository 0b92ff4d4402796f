"""Recall at 5: the share of the relevant candidates that stand among the first five.

For next replies it is told as R_n@5, with n candidates. Ties are shared out as in recall_at_10.
"""

from __future__ import annotations

from collections.abc import Sequence

from goldilocks.protocols import Floats
from goldilocks.records import Output
from goldilocks.support.scoring.ranking import Array, mean, per_item, recall

OUTPUTS = frozenset({Output.SCORE})
HIGHER_IS_BETTER = True
RANGE = (0.0, 1.0)
SOURCE = "Plain definition (Manning, Raghavan & Schütze 2008, section 8.4): relevant among the first five / relevant."
EXAMPLES = (
    # six candidates, the relevant ones at ranks 1 and 6
    (((1.0, 0.0, 0.0, 0.0, 0.0, 2.0),), (tuple(-float(rank) for rank in range(6)),), 1 / 2),
    # all at one score: five of six places
    (((1.0, *(0.0,) * 5),), ((0.5,) * 6,), 5 / 6),
)
DEPTH = 5


def items(gold: Sequence[tuple[float, ...]], predicted: Sequence[tuple[float, ...]]) -> Floats:
    """``(recall, 1)`` for each query, shape ``(n_items, 2)``; zeros where nothing is relevant."""
    return per_item(gold, predicted, _one)


def total(sums: Floats) -> Floats:
    """The mean over queries, for each row of ``sums``."""
    return mean(sums)


def _one(relevance: Array, scores: Sequence[float]) -> float:
    return recall(relevance, scores, DEPTH)
