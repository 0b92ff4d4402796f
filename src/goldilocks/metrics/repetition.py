"""Repetition: the share of an answer's runs of four words that stood in it before, averaged over the items.

Near 0 for human text; degenerate loops approach 1. An answer under four words has no repetition.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from goldilocks.protocols import Floats
from goldilocks.records import Answer, Gold, Output
from goldilocks.support.text.units import units

OUTPUTS = frozenset({Output.TEXT})
HIGHER_IS_BETTER = False
RANGE = (0.0, 1.0)
SOURCE = (
    "Welleck et al. 2020, 'Neural Text Generation with Unlikelihood Training' (seq-rep-4); words in lower case without "
    "punctuation, scripts without spaces by character."
)
LENGTH = 4
EXAMPLES = (
    # Runs: abcd bcda cdab dabc abcd: one of five stood there before.
    (("",), ("a b c d a b c d",), 1 / 5),
    (("", ""), ("a a a a a a", "one two"), (2 / 3 + 0) / 2),
)


def items(gold: Sequence[Gold], predicted: Sequence[Answer]) -> Floats:  # noqa: ARG001
    """``(share, 1)`` for each item, shape ``(n_items, 2)``."""
    summands = np.ones((len(predicted), 2))
    summands[:, 0] = [_share(str(given)) for given in predicted]
    return summands


def total(sums: Floats) -> Floats:
    """The mean for each row of ``sums``."""
    return np.asarray(sums[:, 0] / sums[:, 1])


def _share(text: str) -> float:
    words = units(text)
    runs = list(zip(*(words[i:] for i in range(LENGTH)), strict=False))
    return 1 - len(set(runs)) / len(runs) if runs else 0.0
