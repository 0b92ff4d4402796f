"""Macro F1 over relations, direction counted, "Other" left out: the official score of SemEval-2010 Task 8.

A label is a relation with its direction, ``Cause-Effect(e1,e2)``. The relation is what is averaged over: an answer with
the right relation but the wrong direction counts as predicted and as gold, and is not a hit. "Other" (or
``no_relation``) has no F1 of its own, but what is wrongly taken for a relation, or missed, counts against that
relation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from goldilocks.answers import NO_LABEL
from goldilocks.protocols import Floats
from goldilocks.records import Output
from goldilocks.support.scoring.statistics import class_counts

if TYPE_CHECKING:
    import scipy.sparse as sp

OUTPUTS = frozenset({Output.LABEL})
HIGHER_IS_BETTER = True
RANGE = (0.0, 1.0)
SOURCE = (
    "Hendrickx et al. 2010, 'SemEval-2010 Task 8'; scorer version 1.2, '(9+1)-way evaluation taking directionality "
    "into account'. The mean is over the relations that occur in gold or predicted (officially: all nine)."
)
EXAMPLES = (
    # A: hits 1, predicted 2 (one in the wrong direction), gold 2 -> 1/2
    # B: hits 1, predicted 2 (one was Other), gold 1 -> 2/3
    (("A(e1,e2)", "A(e1,e2)", "B(e1,e2)", "Other"), ("A(e1,e2)", "A(e2,e1)", "B(e1,e2)", "B(e2,e1)"), 7 / 12),
    # A: hits 0, predicted 0, gold 1 -> 0; B: right -> 1
    (("A(e1,e2)", "B(e2,e1)", "Other"), ("Other", "B(e2,e1)", "Other"), 1 / 2),
    # the same without an answer
    (("A(e1,e2)", "B(e2,e1)", "Other"), (NO_LABEL, "B(e2,e1)", "Other"), 1 / 2),
)
DIRECTIONS = ("(e1,e2)", "(e2,e1)")
NO_RELATION = frozenset({"other", "no_relation", NO_LABEL})


def items(gold: Sequence[str], predicted: Sequence[str]) -> sp.csr_array:
    """True positives, predicted and gold counts of each relation, shape ``(n_items, 3 · n_relations)``."""
    import scipy.sparse as sp

    counts = class_counts(list(map(_relation, gold)), list(map(_relation, predicted)))
    width = counts.shape[1] // 3
    right = np.array([answer == other for answer, other in zip(gold, predicted, strict=True)], dtype=np.float32)
    hits = sp.csr_array(counts[:, :width].multiply(right[:, None]))
    return sp.hstack([hits, counts[:, width:]], format="csr", dtype=np.float32)


def _relation(label: str) -> tuple[str, ...]:
    """The relation without its direction; nothing for "Other"."""
    if label.lower() in NO_RELATION:
        return ()
    return (next((label.removesuffix(way) for way in DIRECTIONS if label.endswith(way)), label),)


def class_of(label: str) -> str:
    """See ``protocols.AveragesClasses``: the relation without its direction."""
    return "".join(_relation(label))


def total(sums: Floats) -> Floats:
    """The mean F1 of the relations that occur, for each row of ``sums``."""
    hits, n_predicted, n_gold = np.split(np.asarray(sums, dtype=np.float64), 3, axis=1)
    occurs = n_predicted + n_gold > 0
    f1 = np.divide(2 * hits, n_predicted + n_gold, out=np.zeros_like(hits), where=occurs)
    return np.asarray(f1.sum(1) / np.maximum(occurs.sum(1), 1))
