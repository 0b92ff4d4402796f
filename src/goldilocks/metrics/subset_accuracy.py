"""Subset accuracy: the share of items whose labels are all right, none missing and none too many."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from goldilocks.protocols import Floats
from goldilocks.records import Output

OUTPUTS = frozenset({Output.LABEL})
HIGHER_IS_BETTER = True
RANGE = (0.0, 1.0)
SOURCE = "Exact match, as scikit-learn's accuracy_score over label indicators."
EXAMPLES = (
    ((("a", "b"), ("b",), ()), (("a", "b"), ("a", "b"), ()), 2 / 3),
    ((("a",), ("b",)), (("b",), ()), 0.0),
)


def items(gold: Sequence[tuple[str, ...]], predicted: Sequence[tuple[str, ...]]) -> Floats:
    """``(all right, 1)`` for each item, shape ``(n_items, 2)``."""
    summands = np.ones((len(gold), 2), dtype=np.float32)
    summands[:, 0] = [set(answer) == set(other) for answer, other in zip(gold, predicted, strict=True)]
    return summands


def total(sums: Floats) -> Floats:
    """Items all right / items, for each row of ``sums``."""
    return np.asarray(sums[:, 0] / sums[:, 1])
