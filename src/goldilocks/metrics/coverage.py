"""Coverage: the share of the reference's distinct words that occur in the answer, averaged over the items.

Measures recall of content only: a longer answer covers more. Compare it with
a metric that counts what is superfluous.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from goldilocks.metrics._shared.rouge import mean_of
from goldilocks.protocols import Floats
from goldilocks.records import Answer, Gold, Output

OUTPUTS = frozenset({Output.TEXT})
HIGHER_IS_BETTER = True
RANGE = (0.0, 1.0)
SOURCE = (
    "Recall of word types: stems of the reference that the answer has / stems of the reference, the best of several "
    "references; words, stems and characters as in rouge_1. (Not the share of copied words that Grusky et al. "
    "2018 call coverage: that one needs the source.)"
)
EXAMPLES = (
    # the, dog, home of the, dog, run, home
    (("The dog runs home.",), ("the dog is at home, the dog",), 3 / 4),
    (("a b",), ("c d",), 0.0),
)


def items(gold: Sequence[Gold], predicted: Sequence[Answer]) -> Floats:
    """``(share, 1)`` for each item, shape ``(n_items, 2)``."""
    return mean_of(_share, gold, predicted)


def total(sums: Floats) -> Floats:
    """The mean for each row of ``sums``."""
    return np.asarray(sums[:, 0] / sums[:, 1])


def _share(reference: tuple[str, ...], answer: tuple[str, ...]) -> float:
    words = set(reference)
    return len(words & set(answer)) / len(words) if words else 0.0
