"""Choice of few-shot examples: demonstrations/NAME.py."""

from __future__ import annotations

from typing import Protocol

from goldilocks.answers import Floats
from goldilocks.records import Gold, Text


class Demonstrations(Protocol):
    """demonstrations/NAME.py: which training rows a prompt shows as few-shot examples (demonstrations)."""

    @property
    def PER_ITEM(self) -> bool:  # noqa: N802
        """Whether examples are chosen for each item; otherwise once for all items, which a decoder encodes once."""

    @property
    def USES_VECTORS(self) -> bool:  # noqa: N802
        """Whether it compares vectors; otherwise it may be given arrays of width 0."""

    @property
    def SOURCE(self) -> str:  # noqa: N802
        """Paper the strategy follows, and where we differ."""

    def select(
        self,
        pool_texts: tuple[Text, ...],
        pool_gold: tuple[Gold, ...],
        query: Text | None,
        count: int,
        *,
        vectors: Floats,
        query_vector: Floats,
        seed: int,
    ) -> list[int]:
        """Distinct positions in the pool, best first: ``count``, or all of a smaller pool.

        The same arguments give the same positions. The query itself is not in the pool.

        Args:
            pool_texts: Training items.
            pool_gold: Their gold answers.
            query: The item to answer; ``None`` unless ``PER_ITEM``.
            count: Examples wanted.
            vectors: Vectors of the pool, ``(n_pool, width)``, of length 1 (0 where a text has no known word).
            query_vector: Vector of the query, ``(width,)``; zeros unless ``PER_ITEM``.
            seed: Seed of what is drawn.
        """
