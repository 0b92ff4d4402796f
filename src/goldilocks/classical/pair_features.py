"""N-gram features of a pair of texts for a linear model: shared n-grams, those of one text only, and overlap.

An n-gram of both texts is marked ``=``, one of the first only ``<`` and again ``-``, one of the second only ``>`` and
again ``-``: so the model can learn that a word missing on either side is evidence against a paraphrase, and a new word
in the second text evidence against entailment. The overlap (of words, word bigrams and character n-grams; Jaccard and
relative to each text) is binned cumulatively in twentieths: ``~w.14`` where at least 14 of 20 are shared. So a pair
becomes one line of marked n-grams, and is counted like any text.

Source: after Ji & Eisenstein 2013, "Discriminative Improvements to Distributional Sentence Similarity" (shared and
unshared features apart; without their factorisation).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import pairwise

from goldilocks.support.text import units
from goldilocks.support.text.units import SEGMENTATION

STEPS = 20
LONGEST = 20_000
"""Characters of a text that are used."""


def marked(first: str, second: str, *, words: bool, characters: bool, segmentation: int = SEGMENTATION) -> str:
    """The marked n-grams of two texts, separated by spaces.

    Args:
        first: The first text.
        second: The second.
        words: Mark words and word bigrams.
        characters: Mark character n-grams of 3 and 4.
        segmentation: Version of the word segmentation.

    Example:
        >>> [gram for gram in marked("a b", "b c", words=True, characters=False).split() if gram[0] != "~"]
        ['=b', '<a', '-a', '<a_b', '-a_b', '>c', '-c', '>b_c', '-b_c']
    """
    tokens = [units.words(text[:LONGEST], segmentation) for text in (first, second)]
    unigrams = [dict.fromkeys(own) for own in tokens]
    bigrams = [dict.fromkeys(map("_".join, pairwise(own))) for own in tokens]
    runs = [dict.fromkeys(_character_ngrams(own)) for own in tokens]
    features: list[str] = []
    kinds = ([unigrams, bigrams] if words else []) + ([runs] if characters else [])
    mine, other = ({gram for kind in kinds for gram in kind[side]} for side in (0, 1))
    in_order = [dict.fromkeys(gram for kind in kinds for gram in kind[side]) for side in (0, 1)]
    features += [f"={gram}" for gram in in_order[0] if gram in other]
    for mark, side, elsewhere in (("<", 0, other), (">", 1, mine)):
        for gram in in_order[side]:
            if gram not in elsewhere:
                features += [f"{mark}{gram}", f"-{gram}"]
    for name, sides in (("w", unigrams), ("p", bigrams), ("c", runs)):
        features += _overlap(name, sides[0].keys(), sides[1].keys())
    features += _bins("~l", min(map(len, tokens)), max(map(len, tokens)))
    return " ".join(features)


def _character_ngrams(tokens: list[str]) -> Iterator[str]:
    """Character n-grams of 3 and 4, ``·`` between words."""
    text = f"·{'·'.join(tokens)}·"
    for length in (3, 4):
        yield from (text[start : start + length] for start in range(len(text) - length + 1))


def _overlap(name: str, first: Collection[str], second: Collection[str]) -> list[str]:
    shared = len(set(first) & set(second))
    jaccard = _bins(f"~{name}", shared, len(first) + len(second) - shared)
    return jaccard + _bins(f"~{name}<", shared, len(first)) + _bins(f"~{name}>", shared, len(second))


def _bins(name: str, part: int, whole: int) -> list[str]:
    """One feature for each twentieth that the share reaches, 0 (always reached) included."""
    return [f"{name}.{step}" for step in range((STEPS * part // whole if whole else 0) + 1)]
