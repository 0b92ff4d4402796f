"""Span F1: word overlap (F1) of the answer with the closest gold answer, averaged over the questions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from goldilocks.metrics._shared import span_match
from goldilocks.protocols import Floats
from goldilocks.records import Output

OUTPUTS = frozenset({Output.SPAN})
HIGHER_IS_BETTER = True
RANGE = (0.0, 1.0)
SOURCE = span_match.SOURCE
EXAMPLES = (
    # 2·1 / (1 + 2) for "river Rhine"; the second reference is met in full.
    ((((0, "the Rhine"),), ((5, "1889"), (9, "in 1889"))), ("river Rhine", "in 1889"), (2 / 3 + 1) / 2),
    # Nothing is right where there is no answer; 八九年 is 3 of the 5 characters: 2·3 / (5 + 3).
    (((), (), ((3, "一八八九年"),)), ("", "Paris", "八九年"), (1 + 0 + 3 / 4) / 3),
)


def items(gold: Sequence[tuple[tuple[int, str], ...]], predicted: Sequence[str]) -> Floats:
    """``(F1 with the best reference, 1)`` for each question, shape ``(n_items, 2)``."""
    summands = np.ones((len(gold), 2), dtype=np.float32)
    summands[:, 0] = [
        span_match.best(span_match.overlap, answer, other) for answer, other in zip(gold, predicted, strict=True)
    ]
    return summands


def total(sums: Floats) -> Floats:
    """F1 / questions, for each row of ``sums``."""
    return np.asarray(sums[:, 0] / sums[:, 1])
