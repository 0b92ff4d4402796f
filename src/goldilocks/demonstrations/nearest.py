"""The training rows that are most similar to the item, by the cosine of their vectors."""

from __future__ import annotations

import numpy as np

from goldilocks.protocols import Floats
from goldilocks.records import Gold, Text

PER_ITEM = True
USES_VECTORS = True
SOURCE = "Liu et al. 2022, What Makes Good In-Context Examples for GPT-3? (KATE); they use sentence encoders."


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
    return [int(row) for row in np.argsort(-(vectors @ query_vector), kind="stable")[:count]]
