"""Embeddings of entity markers, added to those of the tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor, nn

from goldilocks.support.text.entity_markers import ALL_MARKS

if TYPE_CHECKING:
    pass


CHANNEL = "entities"
"""Channel: 0, or the number of the mark that a token is, from 1 in the order of ``ALL_MARKS``."""


class EntityMarkerEmbeddings(nn.Embedding):
    """What the marks learn, added to the embeddings. Zero to begin with; tokens that are no marks have nothing."""

    def __init__(self, width: int) -> None:
        """``width`` of the embeddings."""
        super().__init__(1 + len(ALL_MARKS), width, padding_idx=0)
        nn.init.zeros_(self.weight)

    def forward(self, hidden: Tensor, channels: Mapping[str, Tensor]) -> Tensor:  # type: ignore[override]
        """``hidden`` ``(n_rows, n_tokens, width)`` and the vectors of the marks among its tokens, added up."""
        return hidden + super().forward(channels[CHANNEL])
