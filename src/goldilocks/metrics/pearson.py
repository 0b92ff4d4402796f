"""Pearson's r: linear correlation between predicted and gold scores, whatever their unit.

0 where either side is constant: a model that gives every item the same score does not discriminate.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from goldilocks.protocols import Floats
from goldilocks.records import Output

OUTPUTS = frozenset({Output.SCORE})
HIGHER_IS_BETTER = True
RANGE = (-1.0, 1.0)
SOURCE = "Plain definition, as scipy.stats.pearsonr; 0 where that is undefined."
EXAMPLES = (
    ((0.0, 1.0, 2.0), (1.0, 3.0, 5.0), 1.0),
    # deviations -1, 0, 1 and -1, 2, -1: products 1, 0, -1
    ((0.0, 1.0, 2.0), (1.0, 4.0, 1.0), 0.0),
    ((1.0, 2.0), (3.0, 3.0), 0.0),
)
TINY = 1e-6
"""Variance, as a share of that over all items, from which on there is something to correlate."""


def items(gold: Sequence[float], predicted: Sequence[float]) -> Floats:
    """1, both values, their squares and their product, shape ``(n_items, 6)``; centred, which changes nothing."""
    first, second = _standard(gold), _standard(predicted)
    columns = [np.ones_like(first), first, second, first * first, second * second, first * second]
    return np.stack(columns, axis=1).astype(np.float32)


def _standard(values: Sequence[float]) -> npt.NDArray[np.float64]:
    centred = np.asarray(values, dtype=np.float64)
    centred = centred - centred.mean() if len(centred) else centred
    spread = float(np.sqrt(np.mean(centred**2))) if len(centred) else 0.0
    return centred / spread if spread > 0 else centred


def total(sums: Floats) -> Floats:
    """The correlation, for each row of ``sums``."""
    n, first, second, first_squared, second_squared, product = np.asarray(sums, dtype=np.float64).T
    spread = (first_squared - first**2 / n) * (second_squared - second**2 / n)
    together = product - first * second / n
    known = (first_squared - first**2 / n > TINY * n) & (second_squared - second**2 / n > TINY * n)
    correlations = np.divide(together, np.sqrt(np.abs(spread)), out=np.zeros_like(n), where=known)
    return np.asarray(np.clip(correlations, -1.0, 1.0))
