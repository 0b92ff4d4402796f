"""Weighted F1: the mean of the per-class F1 scores, each weighed by how many items of the class there are in gold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from goldilocks.protocols import Floats
from goldilocks.records import Output
from goldilocks.support.scoring.statistics import class_counts

if TYPE_CHECKING:
    import scipy.sparse as sp

OUTPUTS = frozenset({Output.LABEL})
HIGHER_IS_BETTER = True
RANGE = (0.0, 1.0)
SOURCE = "As scikit-learn's f1_score(average='weighted'); a class that is in predicted only weighs nothing."
EXAMPLES = (
    # a: predicted 1, gold 2, hit 1 -> 2/3; b: predicted 2, gold 1, hit 1 -> 2/3
    (("a", "a", "b"), ("a", "b", "b"), 2 / 3),
    # common: 2·99 / (100 + 99), weight 99; rare: 0, weight 1
    (("common",) * 99 + ("rare",), ("common",) * 100, 0.99 * 198 / 199),
)


def items(gold: Sequence[str], predicted: Sequence[str]) -> sp.csr_array:
    """True positives, predicted and gold counts of each class, shape ``(n_items, 3 · n_classes)``."""
    return class_counts(gold, predicted)


def total(sums: Floats) -> Floats:
    """The mean F1 weighted by the gold items of each class, for each row of ``sums``."""
    hits, n_predicted, n_gold = np.split(np.asarray(sums, dtype=np.float64), 3, axis=1)
    f1 = np.divide(2 * hits, n_predicted + n_gold, out=np.zeros_like(hits), where=n_predicted + n_gold > 0)
    return np.asarray((f1 * n_gold).sum(1) / np.maximum(n_gold.sum(1), 1))
