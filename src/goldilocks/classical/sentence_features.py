"""Sentences of a text and the features of each, for extractive summaries by a linear model.

    dense    place (first, last, share of the text, reciprocal), length, centrality (TextRank, cosine with the whole
             text), words shared with the first sentence, mean idf, capitals, digits, a question
    sparse   the words of the sentence

Source: the features are those of supervised extraction since Kupiec et al. 1995, "A Trainable Document Summarizer";
centrality after Mihalcea & Tarau 2004, "TextRank".
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from goldilocks.support.text.units import SEGMENTATION, units

Floats = npt.NDArray[np.float64]

DENSE = 14
MAX_SENTENCES = 300
"""Sentences of one text that are looked at."""
DAMPING = 0.85
_STEPS = 50
_END = re.compile(r"(?<=[。！？])|(?<=[.!?])\s+|\n")
_CLAUSE = re.compile(r"(?<=[，；：。！？])|(?<=[.!?,;:])(?:\s+|(?=[^\W\d_a-zA-Z]))|\n")


def sentences(text: str) -> list[str]:
    """Sentences and lines of a text that hold any words.

    Example:
        >>> sentences("It cost 3.50. Why? 好的。再见！")
        ['It cost 3.50.', 'Why?', '好的。', '再见！']
    """
    return [sentence.strip() for sentence in _END.split(text) if units(sentence)]


def clauses(text: str) -> list[str]:
    """Parts of sentences, without the commas, colons and semicolons between them.

    Example:
        >>> clauses("First, it cost 3,50. 但是，很好。")
        ['First', 'it cost 3,50.', '但是', '很好。']
    """
    return [part.strip().rstrip("，；：,;:") for part in _CLAUSE.split(text) if units(part)]


def centrality(words: Sequence[set[str]]) -> Floats:
    """How central each sentence is, given the words of each; they sum to about 1.

    Source:
        Mihalcea & Tarau 2004, "TextRank": words two sentences share / (log of their lengths), ranked as PageRank does.
    """
    alike = np.zeros((len(words), len(words)))
    for i, own in enumerate(words):
        for j in range(i):
            lengths = np.log(max(2, len(own))) + np.log(max(2, len(words[j])))
            alike[i, j] = alike[j, i] = len(own & words[j]) / lengths
    sums = alike.sum(1, keepdims=True)
    steps = np.divide(alike, sums, out=np.full_like(alike, 1 / max(1, len(words))), where=sums > 0)
    rank = np.full(len(words), 1 / max(1, len(words)))
    for _ in range(_STEPS):
        rank = (1 - DAMPING) / max(1, len(words)) + DAMPING * rank @ steps
    return rank


def dense_features(parts: Sequence[str], idf: Mapping[str, float], rarest: float, target: float) -> Floats:
    """The numbers of each sentence of a text, ``(n_sentences, DENSE)``.

    Args:
        parts: Its sentences or clauses.
        idf: Inverse document frequencies of the words of the training texts.
        rarest: idf of other words.
        target: Expected words of the whole summary.
    """
    counts = [Counter(units(sentence)) for sentence in parts]
    weights = [{word: count * idf.get(word, rarest) for word, count in own.items()} for own in counts]
    whole: dict[str, float] = {}
    for weight in weights:
        for word, value in weight.items():
            whole[word] = whole.get(word, 0.0) + value
    rank = centrality([set(own) for own in counts])
    n, rows = len(parts), []
    for place, (sentence, own, weight) in enumerate(zip(parts, counts, weights, strict=True)):
        length = own.total()
        letters = [letter for letter in sentence if letter.isalpha()] or ["a"]
        rows.append(
            [
                float(place == 0),
                float(place == n - 1),
                place / max(1, n - 1),
                1 / (1 + place),
                math.log(1 + length),
                abs(math.log((1 + length) / (1 + target))),
                rank[place] * n,
                _cosine(weight, whole),
                len(own.keys() & counts[0].keys()) / max(1, len(own)),
                sum(weight.values()) / max(1, length),
                sum(letter.isupper() for letter in letters) / len(letters),
                sum(sign.isdigit() for sign in sentence) / max(1, len(sentence)),
                float("?" in sentence or "？" in sentence),
                math.log(n),
            ]
        )
    return np.array(rows).reshape(-1, DENSE)


def reference_gains(parts: Sequence[str], reference: str, segmentation: int = SEGMENTATION) -> Floats:
    """What each sentence adds to ROUGE (mean of the F1 of words and of word pairs) against a reference.

    Sentences are added greedily as long as the score rises; each has its gain at that step. The others have what they
    would add to all of these, at least 0.

    Source:
        Nallapati et al. 2017, "SummaRuNNer" (greedy oracle), with gains in place of labels.
    """
    right = _grams(units(reference, segmentation))
    own = [_grams(units(sentence, segmentation)) for sentence in parts]
    gains, score = np.zeros(len(parts)), 0.0
    chosen: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    left = set(range(len(parts)))
    while left:
        scores = {place: _rouge((chosen[0] + own[place][0], chosen[1] + own[place][1]), right) for place in left}
        best = min(left, key=lambda place: (-scores[place], place))
        if scores[best] <= score + 1e-9:
            break
        gains[best], score = scores[best] - score, scores[best]
        chosen = (chosen[0] + own[best][0], chosen[1] + own[best][1])
        left.remove(best)
    return gains


def _grams(words: Sequence[str]) -> tuple[Counter[str], Counter[str]]:
    return Counter(words), Counter(f"{word} {after}" for word, after in pairwise(words))


def _rouge(given: tuple[Counter[str], Counter[str]], right: tuple[Counter[str], Counter[str]]) -> float:
    score = 0.0
    for mine, theirs in zip(given, right, strict=True):
        shared = sum(min(count, mine[gram]) for gram, count in theirs.items())
        score += shared / max(1, mine.total() + theirs.total())
    return score


def _cosine(first: Mapping[str, float], second: Mapping[str, float]) -> float:
    shared = sum(value * second.get(word, 0.0) for word, value in first.items())
    size = sum(value * value for value in first.values()) * sum(value * value for value in second.values())
    return float(shared / math.sqrt(size)) if size else 0.0
