"""Embeddings of entity markers, and of the distances to both entities, added to those of the tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from goldilocks.support.text.entity_markers import ALL_MARKERS

CHANNEL = "entities"
"""Channel of a batch: 0, or from 1 the index of the marker that a token is, in the order of ``ALL_MARKERS``."""


DISTANCES = ("first_distance", "second_distance")
"""Channels: ``distance_number`` of a token to the opening marker of either entity."""
FARTHEST = 30
"""Tokens from which all distances are alike."""


class EntityMarkerEmbeddings(nn.Embedding):
    """One learned embedding for each entity marker; zero at first, and always zero for other tokens."""

    def __init__(self, width: int) -> None:
        """``width`` of the token embeddings."""
        super().__init__(1 + len(ALL_MARKERS), width, padding_idx=0)
        nn.init.zeros_(self.weight)

    def forward(self, hidden: Tensor, channels: Mapping[str, Tensor]) -> Tensor:  # type: ignore[override]
        """``hidden`` ``(n_rows, n_tokens, width)`` plus the embeddings of the markers among its tokens."""
        return hidden + super().forward(channels[CHANNEL])


class EntityPositionEmbeddings(nn.Module):
    """Marker embeddings, and an embedding for each distance to the first and to the second entity.

    Source: Zeng et al. 2014, "Relation Classification via Convolutional Deep Neural Network" (position features; added
    to the word's embedding here, not appended).
    """

    def __init__(self, width: int) -> None:
        """``width`` of the token embeddings."""
        super().__init__()
        self.markers = EntityMarkerEmbeddings(width)
        self.distances = nn.ModuleList(nn.Embedding(2 * FARTHEST + 2, width, padding_idx=0) for _ in DISTANCES)
        for table in self.distances:
            nn.init.normal_(cast(nn.Embedding, table).weight[1:], std=0.1)

    def forward(self, hidden: Tensor, channels: Mapping[str, Tensor]) -> Tensor:
        """``hidden`` ``(n_rows, n_tokens, width)`` plus the embeddings."""
        hidden = cast(Tensor, self.markers(hidden, channels))
        for name, table in zip(DISTANCES, self.distances, strict=True):
            hidden = hidden + table(channels[name])
        return hidden


def distance_number(away: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Row of the table for distances in tokens, from 1; 0 is for padding.

    Example:
        >>> distance_number(np.array([-99, -1, 0, 1, 99])).tolist()
        [1, 30, 31, 32, 61]
    """
    return (np.clip(away, -FARTHEST, FARTHEST) + FARTHEST + 1).astype(np.int32)
