"""Accuracy: the share of items predicted correctly. With one label per item it is also micro F1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from goldilocks.protocols import Floats
from goldilocks.records import Output

OUTPUTS = frozenset({Output.LABEL})
HIGHER_IS_BETTER = True
RANGE = (0.0, 1.0)
SOURCE = "Plain definition: right answers / items."
EXAMPLES = (
    (("a", "b", "b", "c"), ("a", "b", "c", "c"), 3 / 4),
    (("a", "a"), ("b", "b"), 0.0),
)


def items(gold: Sequence[str], predicted: Sequence[str]) -> Floats:
    """``(right, 1)`` for each item, shape ``(n_items, 2)``."""
    summands = np.ones((len(gold), 2), dtype=np.float32)
    summands[:, 0] = [answer == other for answer, other in zip(gold, predicted, strict=True)]
    return summands


def total(sums: Floats) -> Floats:
    """Gold answers / items, for each row of ``sums``."""
    return np.asarray(sums[:, 0] / sums[:, 1])
