"""Entity recall: how many of the entities there are were found, exactly right in words and type."""

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
    # real PER 0-2 (found), LOC 3-4 (not)
    ((("B-PER", "I-PER", "O", "B-LOC"),), (("B-PER", "I-PER", "O", "B-ORG"),), 1 / 2),
    # real PER 0-2 (not found), in the second sentence LOC (found)
    ((("B-PER", "I-PER", "O"), ("B-LOC",)), (("B-PER", "O", "I-LOC"), ("B-LOC",)), 1 / 2),
)


def items(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> Floats:
    """Hits, claims and reals of each sentence, shape ``(n_items, 3)``."""
    return entity_counts(gold, predicted)


def total(sums: Floats) -> Floats:
    """Hits / reals, for each row of ``sums``."""
    hits, _, real = np.asarray(sums, dtype=np.float64).T
    return np.asarray(np.divide(hits, real, out=np.ones_like(hits), where=real > 0))
