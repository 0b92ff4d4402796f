"""Encoding prompts once: a shared prefix is cached and continued."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from goldilocks.nets.backbones.causal_lm import CausalLM
from goldilocks.nets.backbones.kv_cache import AttentionContext, KVCache

if TYPE_CHECKING:
    pass


class CachedContext:
    """Rows of tokens that a speaker has read, and where each of them stands."""

    def __init__(self, speaker: CausalLM, memory: KVCache, valid: Tensor, positions: Tensor) -> None:
        """See ``begin``."""
        self.speaker, self.memory = speaker, memory
        self.valid, self.positions = valid, positions
        """``(n_rows, n_tokens)``: whether a token is no padding, and its number in its row."""

    @staticmethod
    def begin(speaker: CausalLM, prefix: Sequence[int] = ()) -> CachedContext:
        """One row that has read ``prefix``."""
        nothing = torch.zeros((1, 0), dtype=torch.long)
        reading = CachedContext(speaker, speaker.remember(), nothing.bool(), nothing)
        if prefix:
            reading.read([prefix])
        return reading

    def spread(self, rows: int) -> CachedContext:
        """``rows`` rows that have read what this one row has."""
        return CachedContext(
            self.speaker, self.memory.spread(rows), self.valid.expand(rows, -1), self.positions.expand(rows, -1)
        )

    def read(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """Read on, each row its own tokens (at least one); hidden states after the last, ``(n_rows, width)``."""
        lengths = torch.tensor([len(one) for one in rows])
        last = torch.arange(len(rows)) * lengths.max() + lengths - 1
        return self._read(rows, lengths, last).flatten(0, 1)[last]

    def read_all(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """The same with all states, ``(n_rows, longest, width)``."""
        return self._read(rows, torch.tensor([len(one) for one in rows]), None)

    def _read(self, rows: Sequence[Sequence[int]], lengths: Tensor, wanted: Tensor | None) -> Tensor:
        longest = int(lengths.max())
        ids = torch.zeros((len(rows), longest), dtype=torch.long)
        for place, one in enumerate(rows):
            ids[place, : len(one)] = torch.as_tensor(one)
        new = torch.arange(longest)[None, :] < lengths[:, None]
        back = torch.ones(longest, longest, dtype=torch.bool).tril()
        return self._add(ids, new, torch.arange(longest)[None, :], back, wanted)

    def step(self, ids: Tensor) -> Tensor:
        """Read one more token of each row, ``(n_rows,)``; hidden states ``(n_rows, width)``."""
        one = torch.ones((len(ids), 1), dtype=torch.bool)
        return self._add(ids[:, None], one, torch.zeros((1, 1), dtype=torch.long), one[:1, :1])[:, 0]

    def branch(self, ids: Tensor, depth: Tensor, looks: Tensor) -> Tensor:
        """Read a tree of continuations after each row, then forget it; hidden states ``(n_rows, n_nodes, width)``.

        Args:
            ids: Token of each node, ``(n_nodes,)``.
            depth: Number of nodes above it, ``(n_nodes,)``.
            looks: True where a node is itself or one above, ``(n_nodes, n_nodes)``.
        """
        before = self.valid, self.positions
        rows = len(self.valid)
        given = ids.expand(rows, -1)
        states = self._add(given, torch.ones_like(given, dtype=torch.bool), depth[None, :], looks)
        self.memory.forget(len(ids))
        self.valid, self.positions = before
        return states

    def _add(self, ids: Tensor, new: Tensor, offsets: Tensor, looks: Tensor, wanted: Tensor | None = None) -> Tensor:
        rows, count = ids.shape
        at = self.valid.sum(1, keepdim=True) + offsets
        old = self.valid
        self.valid = torch.cat((old, new), 1)
        self.positions = torch.cat((self.positions, at.expand(rows, count)), 1)
        # Nothing to tell: the first tokens of rows look back, and one token looks at all there is.
        plain = bool(self.valid.all()) if count == 1 else old.shape[1] == 0
        seen = None
        if not plain:
            ahead = looks.expand(rows, 1, count, count)
            seen = torch.cat((old[:, None, None, :].expand(rows, 1, count, -1), ahead), 3)
        real = None if bool(new.all()) else new.flatten().nonzero()[:, 0]
        place = AttentionContext(at.expand(rows, count), seen, self.positions, real, wanted)
        return self.speaker.read(ids, place, self.memory)

    def keep(self, rows: Tensor) -> None:
        """Only these rows go on."""
        self.memory.keep(rows)
        self.valid, self.positions = self.valid[rows], self.positions[rows]
