"""Mean absolute error between predicted and gold scores, in their unit."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import numpy as np

from goldilocks.protocols import Floats
from goldilocks.records import Output

OUTPUTS = frozenset({Output.SCORE})
HIGHER_IS_BETTER = False
RANGE = (0.0, inf)
SOURCE = "Plain definition: mean of |right - predicted|. It has no upper end, so it is reported and does not decide."
EXAMPLES = (
    ((1.0, 2.0), (1.5, 2.0), 0.25),
    ((0.0, 5.0, 3.0), (0.0, 5.0, 3.0), 0.0),
)


def items(gold: Sequence[float], predicted: Sequence[float]) -> Floats:
    """``(distance, 1)`` for each item, shape ``(n_items, 2)``."""
    distance = np.abs(np.asarray(gold, dtype=np.float64) - np.asarray(predicted, dtype=np.float64))
    return np.stack([distance, np.ones_like(distance)], axis=1).astype(np.float32)


def total(sums: Floats) -> Floats:
    """Distances / items, for each row of ``sums``."""
    return np.asarray(sums[:, 0] / sums[:, 1])
