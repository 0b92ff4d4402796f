"""chrF: F-score of character n-grams up to six (recall counts twice); needs no word tokenizer.

Counted over the whole set; 0 to 1 where sacrebleu prints 0 to 100. Of several references the best is taken item by
item.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from goldilocks.metrics._shared.sacrebleu_counts import Tokenisation, signature, statistics
from goldilocks.protocols import Floats
from goldilocks.records import Answer, Gold, Output

OUTPUTS = frozenset({Output.TEXT})
HIGHER_IS_BETTER = True
RANGE = (0.0, 1.0)
SOURCE = (
    "Popović 2015, as sacrebleu's chrF2 (case:mixed, eff:yes, nc:6, nw:0, space:no, beta 2), divided by 100. "
    "White space does not count."
)
ORDER = 6
BETA = 2
EXAMPLES = (
    (("the cat",), ("the cat",), 1.0),
    # One character of two, and no pair: precision and recall are (1/2 + 0) / 2 over the two lengths there are.
    (("ab",), ("ax",), 0.25),
    (("ab",), ("xy",), 0.0),
)


def items(gold: Sequence[Gold], predicted: Sequence[Answer]) -> Floats:
    """Claimed, real and right runs of each length, shape ``(n_items, 3 · 6)``."""
    return statistics(_metric, gold, predicted, width=3 * ORDER)


def total(sums: Floats) -> Floats:
    """F2 of the mean precision and recall over the lengths there are, for each row of ``sums``."""
    claimed, real, right = np.asarray(sums, dtype=np.float64).reshape(len(sums), ORDER, 3).transpose(2, 0, 1)
    defined = (claimed > 0) & (real > 0)
    lengths = np.maximum(defined.sum(1), 1)
    precision = np.divide(right, claimed, out=np.zeros_like(right), where=defined).sum(1) / lengths
    recall = np.divide(right, real, out=np.zeros_like(right), where=defined).sum(1) / lengths
    below = BETA**2 * precision + recall
    both = (1 + BETA**2) * precision * recall
    return np.asarray(np.divide(both, below, out=np.zeros_like(below), where=below > 0))


def conditions(gold: Sequence[Gold]) -> str:
    """See ``sacrebleu_counts.signature``."""
    return signature(_metric, gold)


def _metric(tokenisation: Tokenisation) -> Any:  # noqa: ARG001
    from sacrebleu.metrics.chrf import CHRF

    return CHRF()
