"""Token micro F1: the share of words with the right tag, O included. With one tag per word it is plain accuracy.

Most words are outside every entity, so values near 1 are usual; entity F1 and the macro average discriminate better.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from goldilocks.protocols import Floats
from goldilocks.records import Output
from goldilocks.support.text.iob2 import flat_tags

OUTPUTS = frozenset({Output.TAGS})
HIGHER_IS_BETTER = True
RANGE = (0.0, 1.0)
SOURCE = "The micro average of a token-level classification report over all tags, as scikit-learn's."
EXAMPLES = (
    ((("B-PER", "O"), ("O",)), (("B-PER", "B-PER"), ("O",)), 2 / 3),
    ((("O", "O", "B-LOC", "I-LOC"),), (("O", "O", "B-LOC", "B-LOC"),), 3 / 4),
)


def items(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> Floats:
    """``(right, words)`` of each sentence, shape ``(n_items, 2)``."""
    right, given, sentence = flat_tags(gold, predicted)
    summands = np.zeros((len(gold), 2), dtype=np.float32)
    summands[:, 1] = np.bincount(sentence, minlength=len(gold))
    hits = np.fromiter((reference == other for reference, other in zip(right, given, strict=True)), dtype=np.float64)
    summands[:, 0] = np.bincount(sentence, weights=hits, minlength=len(gold))
    return summands


def total(sums: Floats) -> Floats:
    """Right words / words, for each row of ``sums``; 1 where there are no words."""
    right, words = np.asarray(sums, dtype=np.float64).T
    return np.asarray(np.divide(right, words, out=np.ones_like(right), where=words > 0))
