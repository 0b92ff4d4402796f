"""Recall at 1: how often the first candidate is the relevant one (of several, the share that one place can hold).

For next replies it is told as R_n@1, with n candidates. Ties are shared out as in recall_at_10.
"""

from __future__ import annotations

from collections.abc import Sequence

from goldilocks.protocols import Floats
from goldilocks.records import Output
from goldilocks.support.scoring.ranking import Array, mean, per_item, recall

OUTPUTS = frozenset({Output.SCORE})
HIGHER_IS_BETTER = True
RANGE = (0.0, 1.0)
SOURCE = "Lowe et al. 2015, 'The Ubuntu Dialogue Corpus': relevant candidates at the first place / relevant."
EXAMPLES = (
    # the right reply first in one of two
    (((1.0, 0.0), (0.0, 1.0)), ((0.9, 0.1), (0.9, 0.1)), 1 / 2),
    # four candidates at one score: a quarter
    (((0.0, 1.0, 0.0, 0.0),), ((0.5, 0.5, 0.5, 0.5),), 1 / 4),
)


def items(gold: Sequence[tuple[float, ...]], predicted: Sequence[tuple[float, ...]]) -> Floats:
    """``(recall, 1)`` for each query, shape ``(n_items, 2)``; zeros where nothing is relevant."""
    return per_item(gold, predicted, _one)


def total(sums: Floats) -> Floats:
    """The mean over queries, for each row of ``sums``."""
    return mean(sums)


def _one(relevance: Array, scores: Sequence[float]) -> float:
    return recall(relevance, scores, 1)
