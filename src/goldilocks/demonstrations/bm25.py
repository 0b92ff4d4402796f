"""The training rows with the highest BM25 score for the item's words.

score(q, d) = Σ over words t of q:  idf(t) · tf(t, d) (k + 1) / (tf(t, d) + k (1 - b + b · |d| / mean |d|))

with k = 1.2, b = 0.75 and idf = ln(1 + (N - n + 1/2) / (n + 1/2)).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import lru_cache
from math import log

import numpy as np

from goldilocks.protocols import Floats, Ints
from goldilocks.records import Gold, Text, as_text
from goldilocks.support.text.units import words

PER_ITEM = True
USES_VECTORS = False
SOURCE = (
    "Rubin et al. 2022, Learning To Retrieve Prompts for In-Context Learning (BM25 as the unsupervised retriever); "
    "Robertson and Zaragoza 2009, The Probabilistic Relevance Framework."
)

SATURATION = 1.2
LENGTH_SHARE = 0.75


def select(
    pool_texts: tuple[Text, ...],
    pool_gold: tuple[Gold, ...],
    query: Text | None,
    count: int,
    *,
    vectors: Floats,
    query_vector: Floats,
    seed: int,
) -> list[int]:
    """See ``protocols.Demonstrations``."""
    scores = np.zeros(len(pool_texts))
    postings = _postings(pool_texts)
    for word, times in Counter(words(as_text(query or ""))).items():
        if word in postings:
            rows, weights = postings[word]
            scores[rows] += times * weights
    return [int(row) for row in np.argsort(-scores, kind="stable")[:count]]


@lru_cache(maxsize=4)  # the pool stays the same for all items
def _postings(texts: tuple[Text, ...]) -> dict[str, tuple[Ints, Floats]]:
    """Word -> the rows that have it, and its part of each row's score."""
    counts = [Counter(words(as_text(text))) for text in texts]
    lengths = [sum(count.values()) for count in counts]
    mean = max(1.0, sum(lengths) / max(1, len(lengths)))
    n_rows_with = Counter(word for count in counts for word in count)
    postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for row, (count, length) in enumerate(zip(counts, lengths, strict=True)):
        norm = SATURATION * (1 - LENGTH_SHARE + LENGTH_SHARE * length / mean)
        for word, times in count.items():
            n = n_rows_with[word]
            idf = log(1 + (len(texts) - n + 0.5) / (n + 0.5))
            postings[word].append((row, idf * times * (SATURATION + 1) / (times + norm)))
    return {
        word: (np.array([row for row, _ in own]), np.array([weight for _, weight in own]))
        for word, own in postings.items()
    }
