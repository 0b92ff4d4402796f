"""Distinct-1: different words / words, over all answers: low where replies are alike.

Says nothing about whether an answer is right, and falls as more or longer answers are looked at: compare on the same
items only. The interval is about as many answers drawn anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from goldilocks.protocols import Floats
from goldilocks.records import Answer, Gold, Output
from goldilocks.support.scoring.distinct_n import share, table

if TYPE_CHECKING:
    import scipy.sparse as sp

OUTPUTS = frozenset({Output.TEXT})
HIGHER_IS_BETTER = True
RANGE = (0.0, 1.0)
SOURCE = (
    "Li et al. 2016, 'A Diversity-Promoting Objective Function for Neural Conversation Models'; words in lower case "
    "without punctuation, Chinese by character. Above 20,000 different ones a part of them is counted and scaled up."
)
EXAMPLES = (
    # a b c of a b a c
    (("", ""), ("a b", "A c."), 3 / 4),
    # Two replies alike: 3 different words of 6.
    (("", ""), ("I do not", "i do not"), 3 / 6),
)


def items(gold: Sequence[Gold], predicted: Sequence[Answer]) -> sp.csr_array:  # noqa: ARG001
    """See ``support.distinct.table``."""
    return table(predicted, 1)


def total(sums: Floats) -> Floats:
    """The share for each row of ``sums``."""
    return share(sums)
