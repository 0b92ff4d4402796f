"""ROUGE-1: the F1 score over single words that answer and reference share, averaged over the items."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from goldilocks.protocols import Floats
from goldilocks.records import Answer, Gold, Output
from goldilocks.support.scoring.rouge import mean_of, ngram_f1

OUTPUTS = frozenset({Output.TEXT})
HIGHER_IS_BETTER = True
RANGE = (0.0, 1.0)
SOURCE = (
    "Lin 2004, as Google's rouge-score with use_stemmer=True (English stems), the best of several references. Where we "
    "differ: letters beyond a-z belong to words, and Chinese is cut by character."
)
EXAMPLES = (
    # 3 of 4 words on either side.
    (("the dog runs home",), ("the dog ran home",), 3 / 4),
    # Against the better of two references: 2 words of 2 and 3.
    ((("red", "a red car"),), ("red car",), 4 / 5),
)


def items(gold: Sequence[Gold], predicted: Sequence[Answer]) -> Floats:
    """``(F1, 1)`` for each item, shape ``(n_items, 2)``."""
    return mean_of(lambda reference, answer: ngram_f1(reference, answer, 1), gold, predicted)


def total(sums: Floats) -> Floats:
    """The mean for each row of ``sums``."""
    return np.asarray(sums[:, 0] / sums[:, 1])
