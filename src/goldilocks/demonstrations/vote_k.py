"""Diverse representative rows, the same for all items: greedy vote-k on the graph of nearest neighbours.

Each row has an edge to its k most similar rows. A row is worth the sum of the votes of the rows that have an edge to it
and are not chosen; a vote counts 10^-n, where n of the voter's edges lead to rows that are chosen already.
"""

from __future__ import annotations

import numpy as np

from goldilocks.protocols import Floats
from goldilocks.records import Gold, Text

PER_ITEM = False
USES_VECTORS = True
SOURCE = (
    "Su et al. 2023, Selective Annotation Makes Language Models Better Few-Shot Learners: the choice by graph (fast "
    "vote-k), without the model's confidence; k is a tenth of the pool where that is less than their 150."
)

NEIGHBOURS = 150
DISCOUNT = 10.0


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
    n_rows = len(pool_texts)
    n_wanted = min(count, n_rows)
    if n_rows <= 1:
        return list(range(n_wanted))
    similar = vectors @ vectors.T
    np.fill_diagonal(similar, -np.inf)
    k = min(NEIGHBOURS, max(1, n_rows // 10))
    edges = np.zeros((n_rows, n_rows), dtype=bool)  # [v, u]: v votes for u
    np.put_along_axis(edges, np.argsort(-similar, axis=1, kind="stable")[:, :k], values=True, axis=1)
    votes = np.ones(n_rows)
    left = np.ones(n_rows, dtype=bool)
    chosen: list[int] = []
    while len(chosen) < n_wanted:
        worth = np.where(left, (votes * left) @ edges, -1.0)
        row = int(worth.argmax())
        chosen.append(row)
        left[row] = False
        votes[edges[:, row]] /= DISCOUNT
    return chosen
