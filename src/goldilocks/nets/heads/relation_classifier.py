"""Relation classification with entity markers: a linear head on the hidden states at the two opening markers.

Each of the four markers is a token of its own: a sign the checkpoint knows (``@`` around the first entity, ``#`` around
the second) plus a trained embedding. The head's input is the concatenation of the hidden states at the two opening
markers, the first entity's first, so it knows their order wherever they are. A text longer than ``max_tokens`` is
reduced to a window around and between the entities.

Backbones trained from scratch (convolutional and recurrent) also embed the distance of each token to both entities and
also have the maximum over all tokens, concatenated with the two states.

Source: Baldini Soares et al. 2019, "Matching the Blanks: Distributional Similarity for Relation Learning" (entity
markers, entity start); signs instead of empty vectors after Zhou & Chen 2022, "An Improved Baseline for Sentence-level
Relation Extraction"; distances after Zeng et al. 2014, "Relation Classification via Convolutional Deep Neural Network".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from goldilocks.nets.backbones.base import Backbone, pool
from goldilocks.nets.backbones.entity_marker_embeddings import (
    CHANNEL,
    DISTANCES,
    EntityMarkerEmbeddings,
    EntityPositionEmbeddings,
    distance_number,
)
from goldilocks.nets.network import HeadConfig, Network, NetworkConfig
from goldilocks.nets.tokenization.batching import Batch, Row
from goldilocks.nets.tokenization.tokenizer import encodings, special_tokens
from goldilocks.records import Text, as_text
from goldilocks.support.text.entity_markers import ALL_MARKERS, MARKERS, cut

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Ids = npt.NDArray[np.int32]

SIGNS = {"e1": "@", "e2": "#"}
"""Known tokens that the markers of an entity start from."""
_OPENING = tuple(1 + ALL_MARKERS.index(before) for before, _ in MARKERS.values())


@dataclass(frozen=True)
class RelationClassifierConfig(HeadConfig):
    """Config of a linear head on two entity markers."""

    KIND: ClassVar[str] = "relation_classifier"
    positions: bool = False
    """Whether the distances to both entities are embedded, and the head also sees the maximum over all tokens: for
    backbones without pretraining, whose states at the markers say little of what is far away."""


class RelationClassifier(Network):
    """Classifies the relation between two marked entities; see the module.

    It is meant for items that are ``support/text/entity_markers.all_marked``. In others a missing marker is taken to
    be at the first token; of repeated markers the first counts.
    """

    HEAD = RelationClassifierConfig

    def __init__(self, backbone: Backbone, tokenizer: Tokenizer, config: NetworkConfig) -> None:
        """Assemble the network; the backbone gets a table of marker embeddings."""
        tokenizer.no_truncation()  # ``window`` chooses the part of a long text
        self._positions = cast(RelationClassifierConfig, config.head).positions
        tables = EntityPositionEmbeddings if self._positions else EntityMarkerEmbeddings
        backbone.add_channel_embeddings(tables(backbone.channel_width))
        super().__init__(backbone, tokenizer, config)
        self._before, self._after = special_tokens(tokenizer)
        self._markers = {marker: self._sign(SIGNS[role]) for role, pair in MARKERS.items() for marker in pair}

    def _sign(self, sign: str) -> Ids:
        """The one token of a sign (where a tokenizer makes two of it, the first is a blank)."""
        ids = self.tokenizer.encode(f" {sign}", add_special_tokens=False).ids or [self.config.pad_id]
        return np.asarray(ids[-1:], dtype=np.int32)

    def groups(self) -> dict[str, list[str]]:
        """See ``Network.groups``. Marker embeddings belong to the head: both are new and train at its rate.

        So they are trained by every method that does not freeze the embeddings.
        """
        groups = super().groups()
        new = [name for name in groups["embeddings"] if name.startswith("backbone.channel_embeddings.")]
        pretrained = [name for name in groups["embeddings"] if name not in new]
        return groups | {"embeddings": pretrained, "head": groups["head"] + new}

    # ----------------------------------------------------------------------------------------------------- tokenization

    def rows(self, texts: Sequence[Text]) -> list[Row]:
        """One row for each item; ``places`` are the positions of the two opening markers."""
        # Tokenizing text too far from a marker would be wasted; no language has 12 characters per token.
        reach = 12 * self.config.max_tokens
        items = [[_ends(piece, reach) for piece in cut(as_text(text))] for text in texts]
        distinct = list(dict.fromkeys(piece for item in items for piece in item if piece not in self._markers))
        # The blank is for tokenizers that distinguish " a" from "a".
        spaced = [f" {piece}" for piece in distinct]
        encoded = encodings(self.tokenizer, spaced, special=False)
        tokens = self._markers | {
            piece: np.asarray(encoding.ids, dtype=np.int32) for piece, encoding in zip(distinct, encoded, strict=True)
        }
        return [self._row_of(item, number, tokens) for number, item in enumerate(items)]

    def _row_of(self, pieces: Sequence[str], item: int, tokens: Mapping[str, Ids]) -> Row:
        numbers = [1 + ALL_MARKERS.index(piece) if piece in self._markers else 0 for piece in pieces]
        empty = np.zeros(0, dtype=np.int32)
        ids = np.concatenate([empty, *(tokens[piece] for piece in pieces)])
        markers = np.repeat(np.asarray(numbers, dtype=np.int32), [len(tokens[piece]) for piece in pieces])
        room = max(len(_OPENING), self.config.max_tokens - len(self._before) - len(self._after))
        if len(ids) > room:
            windowed = window(markers, room)
            ids, markers = ids[windowed], markers[windowed]
        ids = np.concatenate([self._before, ids, self._after])
        markers = np.concatenate([0 * self._before, markers, 0 * self._after])
        if not len(ids):
            ids, markers = np.asarray([self.config.pad_id], dtype=np.int32), np.zeros(1, dtype=np.int32)
        # argmax gives 0, the first token, where there is none.
        places = [int((markers == number).argmax()) for number in _OPENING]
        channels = {CHANNEL: markers}
        if self._positions:
            positions = np.arange(len(ids), dtype=np.int32)
            channels |= {
                name: distance_number(positions - place) for name, place in zip(DISTANCES, places, strict=True)
            }
        return Row(ids, item, channels, np.asarray(places, dtype=np.int32))

    # ---------------------------------------------------------------------------------------------------------- pooling

    @property
    def pooled_width(self) -> int:
        """See ``Network.pooled_width``."""
        return (len(_OPENING) + self._positions) * self.backbone.width

    def pool(self, states: Tensor, batch: Batch) -> Tensor:
        """The concatenated states at the two opening markers; with ``positions`` also the maximum over all tokens."""
        places = torch.from_numpy(np.stack([row.places for row in batch.rows]).astype(np.int64)).to(states.device)
        rows = torch.arange(len(states), device=states.device).unsqueeze(1)
        at_markers = states[rows, places].flatten(1).float()
        return torch.cat([at_markers, pool(states, batch.mask, "max")], dim=1) if self._positions else at_markers

    def overview(self, states: Tensor, batch: Batch) -> Tensor:
        """As ``pool``: the mean over a text hardly depends on which entities are marked."""
        return self.pool(states, batch)


def window(markers: Ids, room: int) -> npt.NDArray[np.int64]:
    """Positions of the tokens that are kept of a text that is too long, in ascending order.

    Where all markers fit, everything between them is kept and the rest is split evenly to both sides; otherwise the
    tokens nearest to either opening marker are kept.

    Args:
        markers: Number of the marker that each token is, 0 where it is none.
        room: How many tokens are kept.

    Example:
        >>> window(np.array([0, 0, 0, 1, 0, 2, 3, 0, 4, 0, 0, 0]), 8).tolist()
        [2, 3, 4, 5, 6, 7, 8, 9]
        >>> window(np.array([0, 1, 0, 2, 0, 0, 0, 0, 3, 0, 4, 0]), 6).tolist()
        [0, 1, 2, 7, 8, 9]
    """
    positions = np.arange(len(markers))
    at_markers = np.flatnonzero(markers)
    if not len(at_markers):
        return positions[:room]
    first, last = at_markers[0], at_markers[-1]
    if last - first < room:
        away = np.maximum(np.maximum(first - positions, positions - last), 0)
    else:
        opening = np.flatnonzero(np.isin(markers, _OPENING))
        away = np.abs(positions[:, None] - (opening if len(opening) else at_markers)).min(1)
    return np.sort(np.argsort(away, kind="stable")[:room])


def _ends(piece: str, reach: int) -> str:
    """The first and the last ``reach`` characters of a piece that has more than both."""
    return piece if len(piece) <= 2 * reach else f"{piece[:reach]} {piece[-reach:]}"
