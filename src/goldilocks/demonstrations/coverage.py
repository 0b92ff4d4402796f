"""Rows that together cover what the item is about: each term of the item should be in at least one of them.

The set S is to have a high  Σ over terms t of the item: weight(t) · max over rows in S of weight(t, row);  rows are
added greedily. A first row is the nearest one, a second covers what the first lacks.
"""

from __future__ import annotations

import numpy as np

from goldilocks.protocols import Floats
from goldilocks.records import Gold, Text

PER_ITEM = True
USES_VECTORS = True
SOURCE = (
    "Gupta et al. 2023, Coverage-based Example Selection for In-Context Learning (Set-BSR), with TF-IDF weights of "
    "terms where they match contextual token embeddings."
)

_MIN = 1e-7


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
    terms = np.flatnonzero(query_vector)
    weights = vectors[:, terms] * query_vector[terms]  # (n_pool, n_terms): what each row covers of each term
    covered = np.zeros(len(terms), dtype=weights.dtype)
    left = np.ones(len(pool_texts), dtype=bool)
    chosen: list[int] = []
    while len(chosen) < min(count, len(pool_texts)):
        gains = np.where(left, np.maximum(weights - covered, 0).sum(1), -1.0)
        row = int(gains.argmax())
        if gains[row] <= _MIN and covered.any():
            covered = np.zeros_like(covered)  # all that can be covered is: cover it again
            continue
        chosen.append(row)
        left[row] = False
        covered = np.maximum(covered, weights[row])
    return chosen
