"""Embeddings of entity markers, added to those of the tokens."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from goldilocks.support.text.entity_markers import ALL_MARKS

CHANNEL = "entities"
"""Channel of a batch: 0, or from 1 the index of the marker that a token is, in the order of ``ALL_MARKS``."""


class EntityMarkerEmbeddings(nn.Embedding):
    """One learned embedding for each entity marker; zero at first, and always zero for other tokens."""

    def __init__(self, width: int) -> None:
        """``width`` of the token embeddings."""
        super().__init__(1 + len(ALL_MARKS), width, padding_idx=0)
        nn.init.zeros_(self.weight)

    def forward(self, hidden: Tensor, channels: Mapping[str, Tensor]) -> Tensor:  # type: ignore[override]
        """``hidden`` ``(n_rows, n_tokens, width)`` plus the embeddings of the markers among its tokens."""
        return hidden + super().forward(channels[CHANNEL])
