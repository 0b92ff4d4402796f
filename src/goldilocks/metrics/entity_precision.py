"""Entity precision: how many of the predicted entities are exactly right in words and type."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from goldilocks.protocols import Floats
from goldilocks.records import Output
from goldilocks.support.text.iob2 import entity_counts

OUTPUTS = frozenset({Output.TAGS})
HIGHER_IS_BETTER = True
RANGE = (0.0, 1.0)
SOURCE = "As conlleval and seqeval (micro average) count it. Where none is predicted it is 1; seqeval says 0."
EXAMPLES = (
    # predicted PER 0-2 (right), ORG 3-4 (wrong)
    ((("B-PER", "I-PER", "O", "B-LOC"),), (("B-PER", "I-PER", "O", "B-ORG"),), 1 / 2),
    # predicted PER 0-1 (too short) and LOC 2-3, in the second sentence LOC (right)
    ((("B-PER", "I-PER", "O"), ("B-LOC",)), (("B-PER", "O", "I-LOC"), ("B-LOC",)), 1 / 3),
)


def items(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> Floats:
    """True positives, predicted and gold counts of each sentence, shape ``(n_items, 3)``."""
    return entity_counts(gold, predicted)


def total(sums: Floats) -> Floats:
    """True positives / predicted, for each row of ``sums``."""
    hits, n_predicted, _ = np.asarray(sums, dtype=np.float64).T
    return np.asarray(np.divide(hits, n_predicted, out=np.ones_like(hits), where=n_predicted > 0))
