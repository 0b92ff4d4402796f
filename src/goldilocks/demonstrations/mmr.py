"""Maximal marginal relevance: rows similar to the item, less what they share with the rows chosen before.

Each step takes the row with the highest  λ · cos(row, item) - (1 - λ) · max over chosen of cos(row, chosen),  λ = 1/2.
"""

from __future__ import annotations

import numpy as np

from goldilocks.protocols import Floats
from goldilocks.records import Gold, Text

PER_ITEM = True
USES_VECTORS = True
SOURCE = (
    "Carbonell and Goldstein 1998, The Use of MMR; for few-shot examples Ye et al. 2023, Complementary Explanations "
    "for Effective In-Context Learning."
)

RELEVANCE = 0.5


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
    relevance = RELEVANCE * (vectors @ query_vector)
    redundancy = np.full(len(pool_texts), -np.inf)
    left = np.ones(len(pool_texts), dtype=bool)
    chosen: list[int] = []
    while len(chosen) < min(count, len(pool_texts)):
        penalty = (1 - RELEVANCE) * redundancy if chosen else 0.0
        row = int(np.where(left, relevance - penalty, -np.inf).argmax())
        chosen.append(row)
        left[row] = False
        redundancy = np.maximum(redundancy, vectors @ vectors[row])
    return chosen
