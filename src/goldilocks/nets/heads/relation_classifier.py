"""A network that says how two marked things in a text are related.

Each of the four marks is a token of its own: it begins as a sign that the checkpoint knows (``@`` around the first
thing, ``#`` around the second) and learns a vector on top. The head sees the hidden states at the two opening marks,
the first thing's first, and so knows which is which wherever they stand. Of a text longer than the network reads, what
lies around and between the two is read.

Source: Baldini Soares et al. 2019, "Matching the Blanks: Distributional Similarity for Relation Learning" (entity
markers, entity start); signs instead of empty vectors after Zhou & Chen 2022, "An Improved Baseline for Sentence-level
Relation Extraction".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from goldilocks.nets.backbones.base import Backbone
from goldilocks.nets.network import Network, NetworkConfig
from goldilocks.nets.tokenization.batching import Batch, Row
from goldilocks.nets.tokenization.tokenizer import encodings, special_tokens
from goldilocks.records import Text, as_text
from goldilocks.support.text.entity_markers import ALL_MARKS, MARKS, cut

if TYPE_CHECKING:
    from tokenizers import Tokenizer
from goldilocks.nets.backbones.entity_marker_embeddings import CHANNEL, EntityMarkerEmbeddings

Ids = npt.NDArray[np.int32]

SIGNS = {"e1": "@", "e2": "#"}
"""What the marks of a thing begin as."""
_OPENING = tuple(1 + ALL_MARKS.index(before) for before, _ in MARKS.values())


class RelationClassifier(Network):
    """See the module. It is made for items that ``support/text/entity_markers.all_marked``; others are read as far as
    may be:
    a mark that is missing is taken to stand at the first token, of one that is there twice the first counts.
    """

    def __init__(self, backbone: Backbone, tokenizer: Tokenizer, shape: NetworkConfig) -> None:
        """Put the parts together; the backbone gets a table for what the marks learn."""
        tokenizer.no_truncation()  # which part of a long text is read is decided here
        backbone.marks = EntityMarkerEmbeddings(backbone.mark_width)
        super().__init__(backbone, tokenizer, shape)
        self._before, self._after = special_tokens(tokenizer)
        self._marks = {mark: self._sign(SIGNS[role]) for role, pair in MARKS.items() for mark in pair}

    def _sign(self, sign: str) -> Ids:
        """The one token that stands for a sign (where a tokenizer makes two of it, a blank comes first)."""
        found = self.tokenizer.encode(f" {sign}", add_special_tokens=False).ids or [self.shape.pad_id]
        return np.asarray(found[-1:], dtype=np.int32)

    def groups(self) -> dict[str, list[str]]:
        """See ``Network.groups``. What the marks learn goes with the head: both are new, and learn at its rate.

        So they learn under every method that does not freeze what lies below block 0.
        """
        found = super().groups()
        new = [name for name in found["embeddings"] if name.startswith("backbone.marks.")]
        known = [name for name in found["embeddings"] if name not in new]
        return found | {"embeddings": known, "head": found["head"] + new}

    # --------------------------------------------------------------------------------------------------------- reading

    def rows(self, texts: Sequence[Text]) -> list[Row]:
        """One row for each item; ``places`` are those of the two opening marks."""
        # Text too far from a mark to be read would only cost tokenizing; no language has 12 characters per token.
        reach = 12 * self.shape.max_tokens
        items = [[_ends(piece, reach) for piece in cut(as_text(one))] for one in texts]
        distinct = list(dict.fromkeys(piece for item in items for piece in item if piece not in self._marks))
        # The blank is for tokenizers that read " a" unlike "a".
        spaced = [f" {piece}" for piece in distinct]
        encoded = encodings(self.tokenizer, spaced, special=False)
        tokens = self._marks | {
            piece: np.asarray(one.ids, dtype=np.int32) for piece, one in zip(distinct, encoded, strict=True)
        }
        return [self._row_of(item, number, tokens) for number, item in enumerate(items)]

    def _row_of(self, pieces: Sequence[str], item: int, tokens: Mapping[str, Ids]) -> Row:
        numbers = [1 + ALL_MARKS.index(piece) if piece in self._marks else 0 for piece in pieces]
        empty = np.zeros(0, dtype=np.int32)
        ids = np.concatenate([empty, *(tokens[piece] for piece in pieces)])
        marks = np.repeat(np.asarray(numbers, dtype=np.int32), [len(tokens[piece]) for piece in pieces])
        room = max(len(_OPENING), self.shape.max_tokens - len(self._before) - len(self._after))
        if len(ids) > room:
            kept = window(marks, room)
            ids, marks = ids[kept], marks[kept]
        ids = np.concatenate([self._before, ids, self._after])
        marks = np.concatenate([0 * self._before, marks, 0 * self._after])
        if not len(ids):
            ids, marks = np.asarray([self.shape.pad_id], dtype=np.int32), np.zeros(1, dtype=np.int32)
        # argmax gives 0, the first token, where there is none.
        places = [int((marks == number).argmax()) for number in _OPENING]
        return Row(ids, item, {CHANNEL: marks}, np.asarray(places, dtype=np.int32))

    # ---------------------------------------------------------------------------------------------- what the head sees

    @property
    def pooled_width(self) -> int:
        """See ``Network.pooled_width``."""
        return len(_OPENING) * self.backbone.width

    def pool(self, states: Tensor, batch: Batch) -> Tensor:
        """The states at the two opening marks, one behind the other."""
        places = torch.from_numpy(np.stack([row.places for row in batch.rows]).astype(np.int64)).to(states.device)
        rows = torch.arange(len(states), device=states.device).unsqueeze(1)
        return states[rows, places].flatten(1).float()

    def overview(self, states: Tensor, batch: Batch) -> Tensor:
        """What the head would see: the mean of a text hardly knows whose relation is asked for."""
        return self.pool(states, batch)


def window(marks: Ids, room: int) -> npt.NDArray[np.int64]:
    """Which tokens of a text that is too long are read, rising.

    Where all marks fit in, so does what lies between them, and the rest is shared out on both sides; else those tokens
    are read that are nearest to either opening mark.

    Args:
        marks: Number of the mark that each token is, 0 where it is none.
        room: How many tokens are read.

    Example:
        >>> window(np.array([0, 0, 0, 1, 0, 2, 3, 0, 4, 0, 0, 0]), 8).tolist()
        [2, 3, 4, 5, 6, 7, 8, 9]
        >>> window(np.array([0, 1, 0, 2, 0, 0, 0, 0, 3, 0, 4, 0]), 6).tolist()
        [0, 1, 2, 7, 8, 9]
    """
    here = np.arange(len(marks))
    found = np.flatnonzero(marks)
    if not len(found):
        return here[:room]
    first, last = found[0], found[-1]
    if last - first < room:
        away = np.maximum(np.maximum(first - here, here - last), 0)
    else:
        opening = np.flatnonzero(np.isin(marks, _OPENING))
        away = np.abs(here[:, None] - (opening if len(opening) else found)).min(1)
    return np.sort(np.argsort(away, kind="stable")[:room])


def _ends(piece: str, reach: int) -> str:
    """The first and the last ``reach`` characters of a piece that has more than both."""
    return piece if len(piece) <= 2 * reach else f"{piece[:reach]} {piece[-reach:]}"
