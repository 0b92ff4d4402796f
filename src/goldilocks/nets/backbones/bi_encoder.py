"""Bi-encoder (siamese network): any backbone encodes each text of a row separately and pools it to a vector.

A row holds several texts one after another; its channel ``text`` numbers them, token by token. Equal texts of a batch
are encoded once, texts of similar length together. With a frozen backbone each text is encoded once in all.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import log

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from goldilocks.nets.backbones.base import Backbone, pool
from goldilocks.nets.tokenization.batching import Batch, Row

TEXT = "text"
"""Channel: index of the text in its row, from 0, in ascending order."""
_STEP = log(1.5)
"""Texts are encoded together whose lengths differ by less than half."""

_Segment = tuple[int, int, int]
"""Row of the batch, first column, tokens."""


class BiEncoderBackbone(Backbone):
    """``inner`` over each text of a row, pooled: one vector per text instead of one per token.

    So ``forward`` gives ``(n_texts, width)``, float32, the texts of the first row first. Hidden states between the
    blocks are not available: it is not ``resumable``.
    """

    resumable = False
    by_token = False

    def __init__(self, inner: Backbone, pooling: str) -> None:
        """Wrap a backbone; its weights keep their names, under ``inner``."""
        super().__init__()
        self.inner = inner
        self.pooling = pooling
        self.depth, self.width, self.bf16 = inner.depth, inner.width, inner.bf16
        self.word_embedding = f"inner.{inner.word_embedding}" if inner.word_embedding else None
        self._cached: dict[bytes, int] = {}
        self._vectors = torch.zeros((0, self.width))

    def checkpoint_activations(self) -> None:
        """See ``Backbone.checkpoint_activations``."""
        self.inner.checkpoint_activations()

    @property
    def input_embedding(self) -> nn.Module | None:
        """See ``Backbone.input_embedding``."""
        return self.inner.input_embedding

    @property
    def stack(self) -> Backbone:
        """See ``Backbone.stack``."""
        return self.inner.stack

    def forward(self, batch: Batch, *, start: int = 0, hidden: Tensor | None = None, stop: int | None = None) -> Tensor:
        """A vector for each text, ``(n_texts, width)``; always of the whole backbone."""
        assert (start, hidden, stop) == (0, None, None)
        segments = [(number, *span) for number, row in enumerate(batch.rows) for span in _spans(row)]
        keys = [batch.rows[row].ids[first : first + length].tobytes() for row, first, length in segments]
        if any(weight.requires_grad for weight in self.inner.parameters()):
            new = dict(zip(keys, segments, strict=True))
            index, vectors = {key: number for number, key in enumerate(new)}, self._encoded(batch, list(new.values()))
        else:
            new = {key: segment for key, segment in zip(keys, segments, strict=True) if key not in self._cached}
            self._cached |= {key: number for number, key in enumerate(new, start=len(self._cached))}
            self._vectors = torch.cat([self._vectors.to(batch.ids.device), self._encoded(batch, list(new.values()))])
            index, vectors = self._cached, self._vectors
        return vectors[torch.tensor([index[key] for key in keys], device=vectors.device)]

    def _encoded(self, batch: Batch, segments: Sequence[_Segment]) -> Tensor:
        """A vector for each segment of the batch, in their order, ``(n_segments, width)``."""
        if not segments:
            return torch.zeros((0, self.width), device=batch.ids.device)
        groups: dict[int, list[int]] = {}
        for number, (_, _, length) in enumerate(segments):
            groups.setdefault(int(log(length) / _STEP), []).append(number)
        vectors: list[Tensor] = []
        order, done = np.zeros(len(segments), dtype=np.int64), 0
        for group in groups.values():
            order[group] = np.arange(done, done + len(group))
            done += len(group)
            texts = _group(batch, [segments[number] for number in group])
            vectors.append(pool(self.inner(texts), texts.mask, self.pooling))
        return torch.cat(vectors)[torch.from_numpy(order).to(batch.ids.device)]

    def groups(self) -> dict[str, list[str]]:
        """See ``Backbone.groups``."""
        return {role: [f"inner.{name}" for name in names] for role, names in self.inner.groups().items()}

    def key_value_outputs(self, layer: str) -> slice:
        """See ``Backbone.key_value_outputs``."""
        return self.inner.key_value_outputs(layer.removeprefix("inner."))

    def block_of(self, parameter: str) -> int:
        """See ``Backbone.block_of``."""
        return self.inner.block_of(parameter.removeprefix("inner."))


def joined(texts: Sequence[Row], item: int, first: int = 0) -> Row:
    """Rows of one text each as one row; ``first`` is the index of its first candidate in the item."""
    numbers = np.repeat(np.arange(len(texts), dtype=np.int32), [len(text) for text in texts])
    return Row(np.concatenate([text.ids for text in texts]), item, {TEXT: numbers}, first=first)


def texts_in(row: Row) -> int:
    """How many texts a row holds."""
    return int(row.channels[TEXT][-1]) + 1


def _spans(row: Row) -> list[tuple[int, int]]:
    """First column and tokens of each text of a row."""
    edges = [0, *(np.flatnonzero(np.diff(row.channels[TEXT])) + 1).tolist(), len(row)]
    return [(start, end - start) for start, end in pairwise(edges)]


def _group(batch: Batch, segments: Sequence[_Segment]) -> Batch:
    """Segments of a batch as a batch of their own."""
    rows, starts, lengths = (np.array(column, dtype=np.int64)[:, None] for column in zip(*segments, strict=True))
    offsets = np.arange(lengths.max())[None, :]
    inside: npt.NDArray[np.bool_] = offsets < lengths
    columns = torch.from_numpy(np.where(inside, starts + offsets, 0)).to(batch.ids.device)
    mask = torch.from_numpy(inside.astype(np.int64)).to(batch.ids.device)
    ids = batch.ids[torch.from_numpy(rows).to(batch.ids.device), columns]  # at padding any token: it is masked
    return Batch(ids, mask, {}, ())
