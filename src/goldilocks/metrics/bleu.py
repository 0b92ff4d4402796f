"""BLEU: precision of the answer's n-grams up to four words against the references, with a penalty for brevity.

Counted and smoothed by sacrebleu's rules over the whole set (the mean of sentence scores is another, higher number);
0 to 1 where sacrebleu prints 0 to 100. A corpus has one tokenisation: 13a, or zh where its references are mostly
Chinese, or char where they are mostly in another script without spaces (Japanese, Thai).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from goldilocks.metrics._shared.sacrebleu_counts import Tokenisation, signature, statistics
from goldilocks.protocols import Floats
from goldilocks.records import Answer, Gold, Output

OUTPUTS = frozenset({Output.TEXT})
HIGHER_IS_BETTER = True
RANGE = (0.0, 1.0)
SOURCE = (
    "Papineni et al. 2002, as sacrebleu (Post 2018) with case:mixed, eff:no, tok:13a (zh, or char, for a corpus "
    "without spaces), smooth:exp, divided by 100; evaluations hold sacrebleu's signature."
)
EXAMPLES = (
    (("the cat sat on the mat",), ("the cat sat on the mat",), 1.0),
    # 5 words: 4/5, 3/4, 2/3, 1/2 of the 1- to 4-grams are right; no penalty, the lengths are equal.
    (("a b c d e",), ("a b c d x",), (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25),
    # Everything claimed is right, but 4 words for 5: the penalty is e^(1 - 5/4).
    ((("a b c d e", "p q r s t u v"),), ("a b c d",), float(np.exp(-0.25))),
)
ORDER = 4
_TOKENIZERS = {Tokenisation.WORDS: "13a", Tokenisation.CHINESE: "zh", Tokenisation.CHARACTERS: "char"}


def items(gold: Sequence[Gold], predicted: Sequence[Answer]) -> Floats:
    """Lengths of answer and nearest reference, then right and claimed n-grams: shape ``(n_items, 2 + 2 · 4)``."""
    return statistics(_metric, gold, predicted, width=2 + 2 * ORDER)


def total(sums: Floats) -> Floats:
    """BLEU of each row of ``sums``, as ``sacrebleu.BLEU.compute_bleu`` with exponential smoothing."""
    sums = np.asarray(sums, dtype=np.float64)
    given, right = sums[:, 0], sums[:, 1]
    penalty = np.exp(np.minimum(0.0, 1 - right / np.maximum(given, 1e-9)))
    logs = np.zeros(len(sums))
    smooth = np.ones(len(sums))
    for order in range(ORDER):
        hits, claimed = sums[:, 2 + order], sums[:, 2 + ORDER + order]
        smooth = np.where(hits == 0, 2 * smooth, smooth)
        share = np.where(hits == 0, 1 / smooth, hits) / np.maximum(claimed, 1)
        # Too short for an n-gram of this length: sacrebleu's precision is then 0, and so is the score.
        logs += np.where(claimed == 0, -np.inf, np.log(share)) / ORDER
    return np.where(sums[:, 2 : 2 + ORDER].any(1), penalty * np.exp(logs), 0.0)


def conditions(gold: Sequence[Gold]) -> str:
    """See ``sacrebleu_counts.signature``."""
    return signature(_metric, gold)


def _metric(tokenisation: Tokenisation) -> Any:
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(tokenize=_TOKENIZERS[tokenisation], force=True)
