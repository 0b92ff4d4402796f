"""Few-shot examples drawn at random, the same for all items."""

from __future__ import annotations

import numpy as np

from goldilocks.protocols import Floats
from goldilocks.records import Gold, Text

PER_ITEM = False
USES_VECTORS = False
SOURCE = "Brown et al. 2020, Language Models are Few-Shot Learners."


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
    return [int(row) for row in np.random.default_rng(seed).permutation(len(pool_texts))[:count]]
