"""Exact match: the share of answers that equal one of the references character by character.

White space at the ends of lines and of the text does not count; inside a line it does (in a program it means
something). Canonically equivalent texts (Unicode NFC) are equal.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np

from goldilocks.protocols import Floats
from goldilocks.records import Answer, Gold, Output
from goldilocks.support.text.units import in_pairs

OUTPUTS = frozenset({Output.TEXT})
HIGHER_IS_BETTER = True
RANGE = (0.0, 1.0)
SOURCE = "Plain definition: answers equal to a reference / items, in NFC and without white space at line ends."
EXAMPLES = (
    (("x = 1", ("yes", "yes.")), ("x = 1 \n", "yes."), 1.0),
    (("a", "b"), ("a", "B"), 1 / 2),
)


def items(gold: Sequence[Gold], predicted: Sequence[Answer]) -> Floats:
    """``(equal, 1)`` for each item, shape ``(n_items, 2)``."""
    summands = np.ones((len(gold), 2))
    summands[:, 0] = [_trimmed(given) in map(_trimmed, right) for right, given in in_pairs(gold, predicted)]
    return summands


def total(sums: Floats) -> Floats:
    """The share for each row of ``sums``."""
    return np.asarray(sums[:, 0] / sums[:, 1])


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in unicodedata.normalize("NFC", text).strip().splitlines())
