"""Few-shot examples drawn at random with labels taking turns, the same for all items; the default."""

from __future__ import annotations

from goldilocks.nets.generation.prompts import sample_examples
from goldilocks.protocols import Floats
from goldilocks.records import Gold, Text

PER_ITEM = False
USES_VECTORS = False
SOURCE = "Zhao et al. 2021, Calibrate Before Use, section 4: unequal numbers of examples bias a model towards a label."


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
    return sample_examples(pool_gold, count, seed=seed)
