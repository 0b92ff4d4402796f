"""Entity recall: how many of the gold entities are predicted, exactly right in words and type."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from goldilocks.protocols import Floats
from goldilocks.records import Output
from goldilocks.support.text.iob2 import entity_counts

OUTPUTS = frozenset({Output.TAGS})
HIGHER_IS_BETTER = True
RANGE = (0.0, 1.0)
SOURCE = "As conlleval and seqeval (micro average) count it. Where there is none it is 1; seqeval says 0."
EXAMPLES = (
    # gold PER 0-2 (found), LOC 3-4 (not)
    ((("B-PER", "I-PER", "O", "B-LOC"),), (("B-PER", "I-PER", "O", "B-ORG"),), 1 / 2),
    # gold PER 0-2 (not found), in the second sentence LOC (found)
    ((("B-PER", "I-PER", "O"), ("B-LOC",)), (("B-PER", "O", "I-LOC"), ("B-LOC",)), 1 / 2),
)


def items(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> Floats:
    """True positives, predicted and gold counts of each sentence, shape ``(n_items, 3)``."""
    return entity_counts(gold, predicted)


def total(sums: Floats) -> Floats:
    """True positives / gold, for each row of ``sums``."""
    hits, _, n_gold = np.asarray(sums, dtype=np.float64).T
    return np.asarray(np.divide(hits, n_gold, out=np.ones_like(hits), where=n_gold > 0))
