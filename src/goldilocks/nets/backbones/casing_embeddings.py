"""Casing and character-shape embeddings for subword tokenizers that lower-case.

Such a tokenizer encodes ``us`` and ``US`` alike, but case is most of what tells a name from a word. Each token gets
feature numbers of its word (shape, first letters, last letters); a small table of embeddings for each feature is added
to the token embeddings. The tables start at zero: before training the network predicts as without them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from torch import Tensor, nn

from goldilocks.support.text.word_shape import CASING

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def casing_feature(channel: str, word: str) -> int:
    """The row of ``word`` in the table of ``channel``."""
    return CASING[channel][1](word)


class CasingEmbeddings(nn.ModuleDict):
    """A table of embeddings for each channel (``shapes``, ``prefixes``, ``suffixes``)."""

    def __init__(self, channels: tuple[str, ...], width: int) -> None:
        """Tables of zeros, ``width`` wide."""
        super().__init__({name: nn.Embedding(CASING[name][0], width) for name in channels})
        for table in self.values():
            nn.init.zeros_(cast(nn.Embedding, table).weight)

    def forward(self, hidden: Tensor, channels: Mapping[str, Tensor]) -> Tensor:
        """``hidden`` ``(n_rows, n_tokens, width)`` plus the embeddings of the channels that the batch has."""
        for name, table in self.items():
            features = channels.get(name)
            hidden = hidden if features is None else hidden + table(features)
        return hidden


def hides_case(tokenizer: Tokenizer) -> bool:
    """Whether a tokenizer encodes capitals as small letters."""
    return bool(tokenizer.encode(" An USA").ids == tokenizer.encode(" an usa").ids)
