"""Micro F1: F1 over all decisions taken together, so that each label counts as often as it occurs.

Meant for items with any number of labels; with one label for each item it equals accuracy.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from goldilocks.protocols import Floats
from goldilocks.records import Output
from goldilocks.support.scoring.statistics import class_counts

OUTPUTS = frozenset({Output.LABEL})
HIGHER_IS_BETTER = True
RANGE = (0.0, 1.0)
SOURCE = "As scikit-learn's f1_score(average='micro'); 1 where no item has or is given a label."
EXAMPLES = (
    # 3 hits of 4 predicted and 4 gold
    ((("a", "b"), ("b",), ("c",), ()), (("a",), ("b",), ("c", "d"), ()), 6 / 8),
    (("a", "a", "b"), ("a", "b", "b"), 2 / 3),
)


def items(gold: Sequence[str | tuple[str, ...]], predicted: Sequence[str | tuple[str, ...]]) -> Floats:
    """True positives, predicted and gold counts of each item, shape ``(n_items, 3)``."""
    counts = class_counts(gold, predicted)
    width = counts.shape[1] // 3
    parts = [counts[:, place * width : (place + 1) * width].sum(axis=1) for place in range(3)]
    return np.stack([np.asarray(part, dtype=np.float32).reshape(-1) for part in parts], axis=1)


def total(sums: Floats) -> Floats:
    """Twice the true positives / (predicted + gold), for each row of ``sums``."""
    hits, both = np.asarray(sums[:, 0], dtype=np.float64), sums[:, 1] + sums[:, 2]
    return np.divide(2 * hits, both, out=np.ones_like(hits), where=both > 0)
