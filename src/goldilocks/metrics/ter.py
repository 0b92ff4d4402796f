"""Translation edit rate: insertions, deletions, substitutions and shifts of words from answer to reference.

Edits of the whole set / words of the references. Above 1 it would be less work to translate from scratch; such values
are reported as 1. Chinese and Japanese corpora are split into characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from goldilocks.metrics._shared.sacrebleu_counts import Tokenisation, signature, statistics
from goldilocks.protocols import Floats
from goldilocks.records import Answer, Gold, Output

OUTPUTS = frozenset({Output.TEXT})
HIGHER_IS_BETTER = False
RANGE = (0.0, 1.0)
SOURCE = (
    "Snover et al. 2006, as sacrebleu's TER (case:lc, tok:tercom, norm:no, punct:yes, asian:no; for corpora without "
    "spaces norm:yes, asian:yes), divided by 100 and cut at 1. Of several references the nearest counts, over their "
    "mean length."
)
EXAMPLES = (
    (("a b c d",), ("a b c d",), 0.0),
    (("a b c d",), ("a x c d",), 1 / 4),
    # Moving the run "c d" is one edit.
    (("c d a b",), ("a b c d",), 1 / 4),
)


def items(gold: Sequence[Gold], predicted: Sequence[Answer]) -> Floats:
    """``(edits, words of the reference)`` for each item, shape ``(n_items, 2)``."""
    return statistics(_metric, gold, predicted, width=2)


def total(sums: Floats) -> Floats:
    """Edits / words, at most 1, for each row of ``sums``."""
    edits, words = np.asarray(sums, dtype=np.float64).T
    share = np.minimum(1.0, edits / np.maximum(words, 1e-9))
    return np.asarray(np.where(words > 0, share, edits > 0), dtype=np.float64)


def conditions(gold: Sequence[Gold]) -> str:
    """See ``sacrebleu_counts.signature``."""
    return signature(_metric, gold)


def _metric(tokenisation: Tokenisation) -> Any:
    from sacrebleu.metrics.ter import TER

    split = tokenisation is not Tokenisation.WORDS
    return TER(normalized=split, asian_support=split)
