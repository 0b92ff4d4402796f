"""ROUGE: n-gram overlap and longest common subsequence of an answer with its references."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from goldilocks.metrics._shared.porter_stemmer import stem
from goldilocks.records import Output
from goldilocks.support.scoring.statistics import Floats
from goldilocks.support.text.subsequence import longest_common_subsequence
from goldilocks.support.text.units import in_pairs, references, unit_name, units

OUTPUTS = frozenset({Output.TEXT})
RANGE = (0.0, 1.0)
SOURCE = (
    "Lin 2004, as Google's rouge-score with use_stemmer=True (English stems), the best of several references. Where we "
    "differ: letters beyond a-z and their combining marks belong to words (NFC), and scripts without spaces (Chinese, "
    "Japanese, Thai and others) are split into characters."
)
_STEMMED_FROM = 4


def rouge_n(gold: Sequence[Any], predicted: Sequence[Any], *, n: int) -> Floats:
    """``(F1 over n-grams, 1)`` for each item, shape ``(n_items, 2)``."""
    return mean_of(lambda reference, answer: ngram_f1(reference, answer, n), gold, predicted)


def total(sums: Floats) -> Floats:
    """The mean over items, for each row of ``sums``."""
    return np.asarray(sums[:, 0] / sums[:, 1])


def conditions(gold: Sequence[Any]) -> str:
    """The units that are compared."""
    return f"over {unit_name([text for right in gold for text in references(right)])}"


def mean_of(
    score: Callable[[tuple[str, ...], tuple[str, ...]], float], gold: Sequence[Any], predicted: Sequence[Any]
) -> Floats:
    """``(best score over the references, 1)`` for each item, shape ``(n_items, 2)``.

    Args:
        score: Stems of the reference and of the answer -> their F score.
        gold: A reference, or a tuple of them, for each item.
        predicted: One text for each item.

    Raises:
        InputError: not one answer for each item.
    """
    summands = np.ones((len(gold), 2))
    for row, (right, given) in enumerate(in_pairs(gold, predicted)):
        answer = stems(given)
        summands[row, 0] = max((score(stems(reference), answer) for reference in right), default=0.0)
    return summands


@lru_cache(maxsize=20_000)
def stems(text: str) -> tuple[str, ...]:
    """Units of a text (``support/text/units.py``), those of four and more letters stemmed."""
    return tuple(stem(word) if len(word) >= _STEMMED_FROM else word for word in units(text))


def ngram_f1(reference: Sequence[str], answer: Sequence[str], n: int) -> float:
    """F1 over runs of ``n`` words; a run that occurs twice counts twice."""
    real, claimed = (Counter(zip(*(words[i:] for i in range(n)), strict=False)) for words in (reference, answer))
    both = sum(real.values()) + sum(claimed.values())
    return 2 * sum((real & claimed).values()) / both if both else 0.0


def subsequence_f1(reference: Sequence[str], answer: Sequence[str]) -> float:
    """F1 over the longest common subsequence."""
    both = len(reference) + len(answer)
    return 2 * longest_common_subsequence(reference, answer) / both if both else 0.0
