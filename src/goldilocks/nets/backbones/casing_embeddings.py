"""How a word is written, for tokenizers that hide it: capitals and signs, first and last letters.

A tokenizer that lower-cases reads ``us`` and ``US`` alike, which is most of what tells a name from a word. Each token
is marked with a number for the spelling of its word; a small table of vectors, added to the embeddings, learns what the
mark means. The tables start at zero: before training a marked network answers as without.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

from torch import Tensor, nn

from goldilocks.support.text.word_shape import shape_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer

AFFIX_LETTERS = 3
_BUCKETS = 2048
"""Rows of the table of first (and of last) letters; what shares a row by chance is told apart by the word itself."""


def _bucket(letters: str) -> int:
    return 1 + zlib.crc32(letters.lower().encode("utf-8", "surrogatepass")) % (_BUCKETS - 1)


_MARKS: dict[str, tuple[int, Callable[[str], int]]] = {
    "shapes": (65, shape_of),
    "prefixes": (_BUCKETS, lambda word: _bucket(word[:AFFIX_LETTERS])),
    "suffixes": (_BUCKETS, lambda word: _bucket(word[-AFFIX_LETTERS:])),
}
"""Channel -> rows of its table (0: no word), and the row of a word."""


def mark_of(channel: str, word: str) -> int:
    """The row of ``word`` in the table of ``channel``."""
    return _MARKS[channel][1](word)


class CasingEmbeddings(nn.ModuleDict):
    """A table of vectors for each channel of marks."""

    def __init__(self, channels: tuple[str, ...], width: int) -> None:
        """Tables of zeros, ``width`` wide."""
        super().__init__({name: nn.Embedding(_MARKS[name][0], width) for name in channels})
        for table in self.values():
            nn.init.zeros_(cast(nn.Embedding, table).weight)

    def forward(self, hidden: Tensor, channels: Mapping[str, Tensor]) -> Tensor:
        """``hidden`` ``(n_rows, n_tokens, width)`` and the vectors of the marks its tokens carry, added up."""
        for name, table in self.items():
            marks = channels.get(name)
            hidden = hidden if marks is None else hidden + table(marks)
        return hidden


def hides_case(tokenizer: Tokenizer) -> bool:
    """Whether a tokenizer reads capitals as small letters."""
    return bool(tokenizer.encode(" An USA").ids == tokenizer.encode(" an usa").ids)
