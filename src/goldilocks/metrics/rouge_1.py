"""ROUGE-1: the F1 score over single words that answer and reference share, averaged over the items."""

from __future__ import annotations

from functools import partial

from goldilocks.metrics._shared import rouge

OUTPUTS, RANGE, SOURCE = rouge.OUTPUTS, rouge.RANGE, rouge.SOURCE
HIGHER_IS_BETTER = True
EXAMPLES = (
    # 3 of 4 words on either side.
    (("the dog runs home",), ("the dog ran home",), 3 / 4),
    # Against the better of two references: 2 words of 2 and 3.
    ((("red", "a red car"),), ("red car",), 4 / 5),
)
items = partial(rouge.rouge_n, n=1)
total = rouge.total
conditions = rouge.conditions
