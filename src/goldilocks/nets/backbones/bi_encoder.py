"""A backbone that gives a vector for each text of a row, read by itself: what makes a bi-encoder of any backbone.

A row holds several texts one after another; its channel ``text`` says which token belongs to which. Equal texts of a
batch are read once, texts of like length together. Where nothing of the backbone learns a text is read once in all.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import log

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from goldilocks.nets.backbones.base import Backbone, pool
from goldilocks.nets.tokenization.batching import Batch, Row

TEXT = "text"
"""Channel: number of the text in its row, from 0, rising."""
_STEP = log(1.5)
"""Texts are read together whose lengths differ by less than half."""

_Piece = tuple[int, int, int]
"""Row of the batch, first column, tokens."""


class BiEncoderBackbone(Backbone):
    """``inner`` over each text of a row; texts instead of tokens come out.

    So ``forward`` gives ``(n_texts, width)``, float32, the texts of the first row first. What lies between the blocks
    is not handed out: it is not ``resumable``.
    """

    resumable = False
    by_token = False

    def __init__(self, inner: Backbone, pooling: str) -> None:
        """Wrap a backbone; its weights are named as before, under ``inner``."""
        super().__init__()
        self.inner = inner
        self.pooling = pooling
        self.depth, self.width, self.bf16 = inner.depth, inner.width, inner.bf16
        self.word_embedding = f"inner.{inner.word_embedding}" if inner.word_embedding else None
        self._kept: dict[bytes, int] = {}
        self._vectors = torch.zeros((0, self.width))

    def forward(self, batch: Batch, *, start: int = 0, hidden: Tensor | None = None, stop: int | None = None) -> Tensor:
        """A vector for each text, ``(n_texts, width)``; always of the whole backbone."""
        assert (start, hidden, stop) == (0, None, None)
        pieces = [(number, *span) for number, row in enumerate(batch.rows) for span in _spans(row)]
        keys = [batch.rows[row].ids[first : first + length].tobytes() for row, first, length in pieces]
        if any(weight.requires_grad for weight in self.inner.parameters()):
            new = dict(zip(keys, pieces, strict=True))
            place, vectors = {key: number for number, key in enumerate(new)}, self._read(batch, list(new.values()))
        else:
            new = {key: piece for key, piece in zip(keys, pieces, strict=True) if key not in self._kept}
            self._kept |= {key: number for number, key in enumerate(new, start=len(self._kept))}
            self._vectors = torch.cat([self._vectors.to(batch.ids.device), self._read(batch, list(new.values()))])
            place, vectors = self._kept, self._vectors
        return vectors[torch.tensor([place[key] for key in keys], device=vectors.device)]

    def _read(self, batch: Batch, pieces: Sequence[_Piece]) -> Tensor:
        """A vector for each piece of the batch, in their order."""
        groups: dict[int, list[int]] = {}
        for number, (_, _, length) in enumerate(pieces):
            groups.setdefault(int(log(length) / _STEP), []).append(number)
        found: list[Tensor] = []
        order, done = np.zeros(len(pieces), dtype=np.int64), 0
        for group in groups.values():
            order[group] = np.arange(done, done + len(group))
            done += len(group)
            texts = _group(batch, [pieces[number] for number in group])
            found.append(pool(self.inner(texts), texts.mask, self.pooling))
        return (
            torch.cat(found)[torch.from_numpy(order)]
            if found
            else torch.zeros((0, self.width), device=batch.ids.device)
        )

    def groups(self) -> dict[str, list[str]]:
        """See ``Backbone.groups``."""
        return {role: [f"inner.{name}" for name in names] for role, names in self.inner.groups().items()}

    def block_of(self, parameter: str) -> int:
        """See ``Backbone.block_of``."""
        return self.inner.block_of(parameter.removeprefix("inner."))


def joined(texts: Sequence[Row], item: int, first: int = 0) -> Row:
    """Rows of one text each as one row; ``first`` is the number of its first candidate in the item."""
    numbers = np.repeat(np.arange(len(texts), dtype=np.int32), [len(one) for one in texts])
    return Row(np.concatenate([one.ids for one in texts]), item, {TEXT: numbers}, first=first)


def texts_in(row: Row) -> int:
    """How many texts a row holds."""
    return int(row.channels[TEXT][-1]) + 1


def _spans(row: Row) -> list[tuple[int, int]]:
    """First column and tokens of each text of a row."""
    edges = [0, *(np.flatnonzero(np.diff(row.channels[TEXT])) + 1).tolist(), len(row)]
    return [(start, end - start) for start, end in pairwise(edges)]


def _group(batch: Batch, pieces: Sequence[_Piece]) -> Batch:
    """Pieces of a batch as a batch of their own."""
    rows, starts, lengths = (np.array(one, dtype=np.int64)[:, None] for one in zip(*pieces, strict=True))
    reach = np.arange(lengths.max())[None, :]
    inside: npt.NDArray[np.bool_] = reach < lengths
    columns = torch.from_numpy(np.where(inside, starts + reach, 0)).to(batch.ids.device)
    mask = torch.from_numpy(inside.astype(np.int64)).to(batch.ids.device)
    ids = batch.ids[torch.from_numpy(rows).to(batch.ids.device), columns]  # at padding some token: the mask hides it
    return Batch(ids, mask, {}, ())
