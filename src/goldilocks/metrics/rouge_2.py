"""ROUGE-2: the F1 score over pairs of neighbouring words that answer and reference share, averaged over the items."""

from __future__ import annotations

from functools import partial

from goldilocks.metrics._shared import rouge

OUTPUTS, RANGE, SOURCE = rouge.OUTPUTS, rouge.RANGE, rouge.SOURCE
HIGHER_IS_BETTER = True
EXAMPLES = (
    # "the dog" is the one pair shared, of 3 on either side.
    (("the dog runs home",), ("the dog ran home",), 1 / 3),
    # Against the better of two references: 1 pair of 1 and 2.
    ((("red", "a red car"),), ("red car",), 2 / 3),
)
items = partial(rouge.rouge_n, n=2)
total = rouge.total
conditions = rouge.conditions
