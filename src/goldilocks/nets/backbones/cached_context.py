"""Rows of tokens in a KV cache: a prompt's prefix is encoded once and continued by many rows."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from goldilocks.nets.backbones.causal_lm import CausalLM
from goldilocks.nets.backbones.kv_cache import AttentionContext, KVCache


class CachedContext:
    """Rows of tokens whose keys and values are cached.

    Padding and positions are counted on the CPU, where asking about them does not wait for an accelerator; token ids,
    positions and masks go to the model's device with each call.
    """

    def __init__(self, lm: CausalLM, cache: KVCache, valid: Tensor, positions: Tensor) -> None:
        """See ``encode``."""
        self.lm, self.cache = lm, cache
        self.valid, self.positions = valid, positions
        """``(n_rows, n_tokens)``, on the CPU: whether a token is not padding, and its position in its row."""

    @staticmethod
    def encode(lm: CausalLM, prefix: Sequence[int] = ()) -> CachedContext:
        """A context of one row that holds ``prefix``."""
        no_tokens = torch.zeros((1, 0), dtype=torch.long)
        context = CachedContext(lm, lm.new_cache(), no_tokens.bool(), no_tokens)
        if prefix:
            context.extend([prefix])
        return context

    def repeat(self, rows: int) -> CachedContext:
        """A copy of a context of one row for ``rows`` rows."""
        return CachedContext(
            self.lm, self.cache.repeat(rows), self.valid.expand(rows, -1), self.positions.expand(rows, -1)
        )

    def extend(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """Append tokens to each row (at least one each); hidden states of the last ones, ``(n_rows, width)``."""
        lengths = torch.tensor([len(row) for row in rows])
        last = torch.arange(len(rows)) * lengths.max() + lengths - 1
        return self._extend(rows, lengths, last).flatten(0, 1)[last.to(self.lm.device)]

    def extend_all(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """The same with the hidden states of all new tokens, ``(n_rows, longest, width)``."""
        return self._extend(rows, torch.tensor([len(row) for row in rows]), None)

    def _extend(self, rows: Sequence[Sequence[int]], lengths: Tensor, outputs: Tensor | None) -> Tensor:
        longest = int(lengths.max())
        ids = torch.zeros((len(rows), longest), dtype=torch.long)
        for number, row in enumerate(rows):
            ids[number, : len(row)] = torch.as_tensor(row)
        new = torch.arange(longest)[None, :] < lengths[:, None]
        causal = torch.ones(longest, longest, dtype=torch.bool).tril()
        return self._append(ids, new, torch.arange(longest)[None, :], causal, outputs)

    def step(self, ids: Sequence[int]) -> Tensor:
        """Append one token to each row, ``(n_rows,)``; hidden states ``(n_rows, width)``."""
        new = torch.ones((len(ids), 1), dtype=torch.bool)
        return self._append(torch.tensor(ids)[:, None], new, torch.zeros((1, 1), dtype=torch.long), new[:1, :1])[:, 0]

    def extend_tree(self, ids: Tensor, depth: Tensor, attention_mask: Tensor) -> Tensor:
        """Hidden states of a tree of continuations of each row, ``(n_rows, n_nodes, width)``; no row is changed.

        Args:
            ids: Token of each node, ``(n_nodes,)``.
            depth: Number of nodes above it, ``(n_nodes,)``.
            attention_mask: True where a node attends: to itself and those above, ``(n_nodes, n_nodes)``.
        """
        before = self.valid, self.positions
        tokens = ids.expand(len(self.valid), -1)
        states = self._append(tokens, torch.ones_like(tokens, dtype=torch.bool), depth[None, :], attention_mask)
        self.cache.drop_last(len(ids))
        self.valid, self.positions = before
        return states

    def _append(
        self, ids: Tensor, new: Tensor, offsets: Tensor, new_mask: Tensor, outputs: Tensor | None = None
    ) -> Tensor:
        rows, count = ids.shape
        positions = (self.valid.sum(1, keepdim=True) + offsets).expand(rows, count)
        cached = self.valid
        self.valid = torch.cat((cached, new), 1)
        self.positions = torch.cat((self.positions, positions), 1)
        # No mask is needed where the first tokens of rows attend causally, or one token to everything.
        unmasked = bool(self.valid.all()) if count == 1 else cached.shape[1] == 0
        mask = None
        if not unmasked:
            among_new = new_mask.expand(rows, 1, count, count)
            mask = torch.cat((cached[:, None, None, :].expand(rows, 1, count, -1), among_new), 3)
        unpadded = None if bool(new.all()) else new.flatten().nonzero()[:, 0]
        device = self.lm.device
        context = AttentionContext(positions, mask, self.positions, unpadded, outputs).to(device)
        return self.lm.forward_cached(ids.to(device), context, self.cache)

    def select(self, rows: Sequence[int]) -> None:
        """Keep these rows only."""
        kept = torch.tensor(rows, dtype=torch.long)
        self.cache.select(kept.to(self.lm.device))
        self.valid, self.positions = self.valid[kept], self.positions[kept]
