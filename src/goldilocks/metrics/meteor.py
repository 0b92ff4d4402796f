"""METEOR: words of the answer found in the reference, recall counting nine times, less a penalty for broken order.

A word is found where it is the same or has the same stem. Synonyms from WordNet are not looked up: its files would have
to be downloaded. Scores are therefore somewhat below those with WordNet. The mean over the items, not the score of
summed counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np

from goldilocks.metrics._shared.porter_stemmer import stem
from goldilocks.protocols import Floats
from goldilocks.records import Answer, Gold, Output
from goldilocks.support.text.units import in_pairs, references, tokens, unit_name

OUTPUTS = frozenset({Output.TEXT})
HIGHER_IS_BETTER = True
RANGE = (0.0, 1.0)
SOURCE = (
    "Lavie & Agarwal 2007, as nltk.translate.meteor_score (alpha 0.9, beta 3, gamma 0.5) without WordNet: same words "
    "and Porter stems only. Words and punctuation are split; characters in scripts without spaces."
)
ALPHA, BETA, GAMMA = 0.9, 3.0, 0.5
EXAMPLES = (
    # 4 words of 4 in one piece: 1 - 0.5 · (1/4)³
    (("the cat sat down",), ("the cat sat down",), 1 - 0.5 / 64),
    # 2 of 2 words found, in two pieces: P = R = 1, 1 - 0.5 · (2/2)³
    (("a b",), ("b a",), 0.5),
    (("a b",), ("c d",), 0.0),
)

Words = list[tuple[int, str]]
Pairs = list[tuple[int, int]]


def items(gold: Sequence[Gold], predicted: Sequence[Answer]) -> Floats:
    """``(best score over the references, 1)`` for each item, shape ``(n_items, 2)``."""
    summands = np.ones((len(gold), 2))
    for row, (right, given) in enumerate(in_pairs(gold, predicted)):
        summands[row, 0] = max((_score(reference, given) for reference in right), default=0.0)
    return summands


def total(sums: Floats) -> Floats:
    """The mean for each row of ``sums``."""
    return np.asarray(sums[:, 0] / sums[:, 1])


def conditions(gold: Sequence[Gold]) -> str:
    """What is counted in these references."""
    return f"over {unit_name([text for right in gold for text in references(right)])}"


@lru_cache(maxsize=20_000)
def _score(reference: str, answer: str) -> float:
    reference_words, answer_words = list(enumerate(tokens(reference))), list(enumerate(tokens(answer)))
    same, rest_answer, rest_reference = _matched(answer_words, reference_words, str)
    stemmed, _, _ = _matched(rest_answer, rest_reference, stem)
    pairs = sorted(same + stemmed)
    if not pairs:
        return 0.0
    precision, recall = len(pairs) / len(answer_words), len(pairs) / len(reference_words)
    mean = precision * recall / (ALPHA * precision + (1 - ALPHA) * recall)
    pieces = 1 + sum((i + 1, j + 1) != after for (i, j), after in pairwise(pairs))
    penalty: float = GAMMA * (pieces / len(pairs)) ** BETA
    return (1 - penalty) * mean


def _matched(answer_words: Words, reference_words: Words, form: Callable[[str], str]) -> tuple[Pairs, Words, Words]:
    """Pairs of positions with the same form, from the end, and the words on both sides that have no partner."""
    places: dict[str, list[int]] = {}
    for place, (_, word) in enumerate(reference_words):
        places.setdefault(form(word), []).append(place)
    pairs: Pairs = []
    unmatched: Words = []
    taken: set[int] = set()
    for number, word in reversed(answer_words):
        positions = places.get(form(word))
        if positions:
            place = positions.pop()
            taken.add(place)
            pairs.append((number, reference_words[place][0]))
        else:
            unmatched.append((number, word))
    return pairs, unmatched[::-1], [position for place, position in enumerate(reference_words) if place not in taken]
