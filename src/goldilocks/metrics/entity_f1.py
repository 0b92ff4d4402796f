"""Entity F1: an entity counts as found where its words and its type are exactly right; all types count together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from goldilocks.protocols import Floats
from goldilocks.records import Output
from goldilocks.support.text.iob2 import entity_counts

OUTPUTS = frozenset({Output.TAGS})
HIGHER_IS_BETTER = True
RANGE = (0.0, 1.0)
SOURCE = (
    "Tjong Kim Sang & De Meulder 2003, 'Introduction to the CoNLL-2003 Shared Task', as conlleval and seqeval (micro "
    "average) count it. Where there is no entity and none is predicted it is 1; seqeval says 0."
)
EXAMPLES = (
    # gold PER 0-2, LOC 3-4; predicted PER 0-2, ORG 3-4: 2·1 / (2 + 2)
    ((("B-PER", "I-PER", "O", "B-LOC"),), (("B-PER", "I-PER", "O", "B-ORG"),), 1 / 2),
    # gold PER 0-2; predicted PER 0-1 and, by an I- that continues nothing, LOC 2-3: no hit; the second sentence: 1 of 1
    ((("B-PER", "I-PER", "O"), ("B-LOC",)), (("B-PER", "O", "I-LOC"), ("B-LOC",)), 2 / 5),
    ((("O", "O"),), (("O", "O"),), 1.0),
)


def items(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> Floats:
    """True positives, predicted and gold counts of each sentence, shape ``(n_items, 3)``."""
    return entity_counts(gold, predicted)


def total(sums: Floats) -> Floats:
    """2 · hits / (claims + reals), for each row of ``sums``."""
    hits, n_predicted, n_gold = np.asarray(sums, dtype=np.float64).T
    return np.asarray(np.divide(2 * hits, n_predicted + n_gold, out=np.ones_like(hits), where=n_predicted + n_gold > 0))
