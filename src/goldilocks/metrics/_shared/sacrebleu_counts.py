"""Statistics of sacrebleu's metrics, item by item, so that their sums give its corpus score.

A corpus has one tokenisation, chosen by all of its references: the Chinese one where at least half of the letters are
Chinese, single characters where they are of other scripts without spaces (Japanese, Thai), else that of words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any

import numpy as np

from goldilocks.support.scoring.statistics import Floats
from goldilocks.support.text.units import chinese, in_pairs, references, unit_name


class Tokenisation(StrEnum):
    """How the texts of a corpus are tokenised."""

    WORDS = "words"
    CHINESE = "chinese"
    CHARACTERS = "characters"


Make = Callable[[Tokenisation], Any]
"""The tokenisation of the corpus -> the metric of sacrebleu."""


def tokenisation(gold: Sequence[Any]) -> Tokenisation:
    """That of a corpus with these references.

    Example:
        >>> str(tokenisation(["a cat", "一只猫"])), str(tokenisation(["一只 cat"])), str(tokenisation(["แมว"]))
        ('words', 'words', 'characters')
    """
    texts = [text for right in gold for text in references(right)]
    return Tokenisation.CHINESE if chinese(texts) else Tokenisation(unit_name(texts))


def statistics(make: Make, gold: Sequence[Any], predicted: Sequence[Any], *, width: int) -> Floats:
    """What sacrebleu counts for each item.

    Args:
        make: See ``Make``.
        gold: A reference, or a tuple of them, for each item.
        predicted: One text for each item.
        width: Numbers per item.

    Returns:
        Shape ``(n_items, width)``.

    Raises:
        InputError: not one answer for each item.
    """
    metric = make(tokenisation(gold))
    counts = np.zeros((len(gold), width))
    for row, (right, given) in enumerate(in_pairs(gold, predicted)):
        # Not part of sacrebleu's public face, but what its own bootstrap resamples; a test compares the scores.
        counts[row] = metric._extract_corpus_statistics([given], [[reference] for reference in right])[0]
    return counts


def signature(make: Make, gold: Sequence[Any]) -> str:
    """The signature of sacrebleu for these references.

    Args:
        make: See ``Make``.
        gold: A reference, or a tuple of them, for each item.
    """
    if not len(gold):
        return ""
    rights = [references(right) for right in gold]
    metric = make(tokenisation(gold))
    shortest, longest = min(rights, key=len), max(rights, key=len)  # the signature records their number
    streams = [
        [own[place] if place < len(own) else None for own in (shortest, longest)] for place in range(len(longest))
    ]
    metric.corpus_score([shortest[0], longest[0]], streams)
    return f"sacrebleu {metric.get_signature()}"
