"""Token macro F1: the plain mean of the F1 scores of the tags, O among them, word by word.

B-X and I-X are two tags: the classical token-level report of a tagger (nine tags on CoNLL-2003). A tag that occurs in
neither gold nor predicted is left out; one that occurs in only one of the two scores 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from goldilocks.answers import NO_LABEL
from goldilocks.protocols import Floats
from goldilocks.records import Output
from goldilocks.support.scoring.statistics import class_counts
from goldilocks.support.text.iob2 import flat_tags

if TYPE_CHECKING:
    import scipy.sparse as sp

OUTPUTS = frozenset({Output.TAGS})
HIGHER_IS_BETTER = True
RANGE = (0.0, 1.0)
SOURCE = (
    "The macro average of a token-level classification report, as scikit-learn's f1_score(average='macro'). In a "
    "resampled set, tags that it does not hold are left out of the mean."
)
EXAMPLES = (
    # B-PER: predicted 2, gold 1, hit 1 -> 2/3; O: predicted 1, gold 2, hit 1 -> 2/3
    ((("B-PER", "O"), ("O",)), (("B-PER", "B-PER"), ("O",)), 2 / 3),
    # O: 1; B-LOC: predicted 2, gold 1, hit 1 -> 2/3; I-LOC: 0
    ((("O", "O", "B-LOC", "I-LOC"),), (("O", "O", "B-LOC", "B-LOC"),), 5 / 9),
    # a word without an answer is a miss of its tag and no tag of its own: O 1, B-LOC 2/3
    ((("O", "B-LOC", "B-LOC"),), (("O", "B-LOC", NO_LABEL),), 5 / 6),
)


def items(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> sp.csr_array:
    """True positives, predicted and gold counts of each tag in each sentence, shape ``(n_items, 3 · n_tags)``."""
    import scipy.sparse as sp

    right, given, sentence = flat_tags(gold, predicted)
    claimed = [() if tag == NO_LABEL else (tag,) for tag in given] if NO_LABEL in given else given
    ones = np.ones(len(sentence), dtype=np.float32)
    gather = sp.csr_array((ones, (sentence, np.arange(len(sentence)))), shape=(len(gold), len(sentence)))
    return sp.csr_array(gather @ class_counts(right, claimed))


def class_of(label: str) -> str:
    """See ``protocols.AveragesClasses``: each tag is a class."""
    return label


def total(sums: Floats) -> Floats:
    """The mean F1 of the tags that occur, for each row of ``sums``."""
    hits, n_predicted, n_gold = np.split(np.asarray(sums, dtype=np.float64), 3, axis=1)
    occurs = n_predicted + n_gold > 0
    f1 = np.divide(2 * hits, n_predicted + n_gold, out=np.zeros_like(hits), where=occurs)
    return np.asarray(f1.sum(1) / np.maximum(occurs.sum(1), 1))
