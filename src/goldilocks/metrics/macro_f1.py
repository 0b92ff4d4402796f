"""Macro F1: the plain mean of the per-class F1 scores, so that a rare class counts as much as a common one.

A class that occurs in neither gold nor predicted is left out; a class that occurs in only one
of the two scores 0. (Libraries differ here, which moves the number by whole points.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from goldilocks.answers import NO_LABEL
from goldilocks.protocols import Floats
from goldilocks.records import Output
from goldilocks.support.scoring.statistics import class_counts, small_class_counts

if TYPE_CHECKING:
    import scipy.sparse as sp

OUTPUTS = frozenset({Output.LABEL})
HIGHER_IS_BETTER = True
RANGE = (0.0, 1.0)
SOURCE = (
    "Opitz & Burst 2019, 'Macro F1 and Macro F1': the mean of the F1 scores (not the F1 of the means). "
    "In a resampled set, classes that it does not hold are left out of the mean."
)
EXAMPLES = (
    # a: predicted 1, gold 2, hit 1 -> 2/3; b: predicted 2, gold 1, hit 1 -> 2/3
    (("a", "a", "b"), ("a", "b", "b"), 2 / 3),
    # common: 2·99 / (100 + 99); rare: 0
    (("common",) * 99 + ("rare",), ("common",) * 100, 99 / 199),
    # an item without an answer is a miss of its class and no class of its own: a 2/3, b 1
    (("a", "a", "b"), ("a", NO_LABEL, "b"), 5 / 6),
    # nor is it one where items may have several labels: a 1, b 0
    ((("a",), ("b",)), (("a",), (NO_LABEL,)), 1 / 2),
)


def items(gold: Sequence[str], predicted: Sequence[str | tuple[str, ...]]) -> Floats | sp.csr_array:
    """True positives, predicted and gold counts of each class, shape ``(n_items, 3 · n_classes)``.

    No answer predicts no class.
    """
    if not any(NO_LABEL in _labels(answer) for answer in predicted):
        return small_class_counts(gold, predicted)
    return class_counts(gold, [tuple(label for label in _labels(answer) if label != NO_LABEL) for answer in predicted])


def class_of(label: str) -> str:
    """See ``protocols.AveragesClasses``: each label is a class."""
    return label


def _labels(answer: str | tuple[str, ...]) -> tuple[str, ...]:
    return (answer,) if isinstance(answer, str) else answer


def total(sums: Floats) -> Floats:
    """The mean F1 of the classes that occur, for each row of ``sums``."""
    sums = np.asarray(sums, dtype=np.float64)
    width = sums.shape[1] // 3
    hits, n_predicted, n_gold = sums[:, :width], sums[:, width : 2 * width], sums[:, 2 * width :]
    # 2*hits / (predicted + gold) is F1 without the 0/0 of precision and recall computed separately.
    occurs = n_predicted + n_gold > 0
    f1 = np.divide(2 * hits, n_predicted + n_gold, out=np.zeros_like(hits), where=occurs)
    return np.asarray(f1.sum(1) / np.maximum(occurs.sum(1), 1))
