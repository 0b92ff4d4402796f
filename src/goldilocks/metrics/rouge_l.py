"""ROUGE-L: the F1 score over the longest sequence of words that answer and reference share, gaps allowed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from goldilocks.metrics._shared import rouge
from goldilocks.protocols import Floats
from goldilocks.records import Answer, Gold, Output

OUTPUTS = frozenset({Output.TEXT})
HIGHER_IS_BETTER = True
RANGE = (0.0, 1.0)
SOURCE = (
    "Lin 2004, as Google's rouge-score's rougeL (the text as one sequence, not rougeLsum) with use_stemmer=True, the "
    "best of several references. Where we differ: see rouge_1."
)
EXAMPLES = (
    # "the", "dog" and "home", in this order, of 4 words on either side.
    (("the dog runs home",), ("the dog ran home",), 3 / 4),
    (("a b",), ("b a",), 1 / 2),
)


conditions = rouge.conditions


def items(gold: Sequence[Gold], predicted: Sequence[Answer]) -> Floats:
    """``(F1, 1)`` for each item, shape ``(n_items, 2)``."""
    return rouge.mean_of(rouge.subsequence_f1, gold, predicted)


def total(sums: Floats) -> Floats:
    """The mean for each row of ``sums``."""
    return np.asarray(sums[:, 0] / sums[:, 1])
