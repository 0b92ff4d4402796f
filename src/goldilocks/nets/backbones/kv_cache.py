"""The KV cache of a causal language model, and the positions and attention mask of new tokens.

New tokens of all rows are appended side by side. Padding stays where it was appended and is masked for good; each row
counts its own positions. So rows of different length need no padding on the left, and several continuations of one
text (the words of every label) can be encoded at once as a tree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor


class KVCache(Protocol):
    """Keys and values of the tokens so far, ``(n_rows, heads, n_tokens, head_width)`` for each layer."""

    def append(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Append those of new tokens to a layer; all keys and values of the layer are returned."""

    def advance(self, tokens: int) -> None:
        """Count ``tokens`` new tokens; called once, after every layer has them."""

    def repeat(self, rows: int) -> KVCache:
        """A copy of a cache of one row for ``rows`` rows."""

    def select(self, rows: Tensor) -> None:
        """Keep these rows only, in this order."""

    def drop_last(self, tokens: int) -> None:
        """Remove the newest ``tokens`` tokens of every row."""


@dataclass(slots=True)
class AttentionContext:
    """Positions and attention mask of new tokens."""

    positions: Tensor
    """``(n_rows, n_new)``: each row counts from 0."""
    attention_mask: Tensor | None = None
    """True where a new token attends, ``(n_rows, 1, n_new, n_tokens)``, itself included; ``None``: a single new token
    attends to everything, several attend causally."""
    key_positions: Tensor | None = None
    """Positions of all tokens, cached ones included, ``(n_rows, n_tokens)``; ``None``: nothing is cached."""
    unpadded: Tensor | None = None
    """Indices of the new tokens that are not padding, into ``(n_rows * n_new,)``; ``None``: all. Layers that work token
    by token skip the others."""
    outputs: Tensor | None = None
    """Indices of the tokens whose hidden states are needed, into ``(n_rows * n_new,)``, in ascending order;
    ``None``: all. The states of other tokens are undefined."""
    _angles: dict[tuple[float, int, torch.dtype], tuple[Tensor, Tensor]] = field(default_factory=dict)
    _windowed: dict[int, Tensor] = field(default_factory=dict)

    @staticmethod
    def uncached(rows: int, tokens: int, device: torch.device, *, first: int = 0) -> AttentionContext:
        """Rows of ``tokens`` tokens from position ``first``, padded (if at all) at their end."""
        return AttentionContext(torch.arange(first, first + tokens, device=device).expand(1 if rows else 0, tokens))

    def to(self, device: torch.device) -> AttentionContext:
        """The same on a device."""
        return AttentionContext(
            self.positions.to(device),
            _to(self.attention_mask, device),
            _to(self.key_positions, device),
            _to(self.unpadded, device),
            _to(self.outputs, device),
        )

    def rotary_angles(self, theta: float, width: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Cosine and sine of the rotary position embeddings, ``(n_rows, 1, n_new, width)`` each; computed once."""
        key = (theta, width, dtype)
        if key not in self._angles:
            steps = torch.arange(0, width, 2, dtype=torch.float32, device=self.positions.device)
            angle = self.positions.float()[:, None, :, None] * (1.0 / theta ** (steps / width))
            angle = torch.cat((angle, angle), -1)
            self._angles[key] = angle.cos().to(dtype), angle.sin().to(dtype)
        return self._angles[key]

    def windowed_mask(self, window: int) -> Tensor | None:
        """``attention_mask`` of a layer with sliding-window attention over ``window`` tokens (0: no window)."""
        keys = self.positions if self.key_positions is None else self.key_positions
        if not window or keys.shape[1] <= window:
            return self.attention_mask
        if window not in self._windowed:
            distance = self.positions[:, None, :, None] - keys[:, None, None, :]
            allowed = distance >= 0 if self.attention_mask is None else self.attention_mask
            self._windowed[window] = (distance < window) & allowed
        return self._windowed[window]


def _to(tensor: Tensor | None, device: torch.device) -> Tensor | None:
    return None if tensor is None else tensor.to(device)


_SPARE_TOKENS = 64


class GrowingKVCache:
    """KV cache that grows geometrically, so that a step of generation copies one token and not all of them."""

    def __init__(self) -> None:
        """An empty cache."""
        self._layers: list[tuple[Tensor, Tensor]] = []
        self._used = 0

    def append(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """See ``KVCache``."""
        end = self._used + key.shape[2]
        if layer == len(self._layers):
            self._layers.append((_allocated(key, end), _allocated(value, end)))
        keys, values = self._layers[layer]
        if keys.shape[2] < end:
            keys, values = _grown(keys, self._used, end), _grown(values, self._used, end)
            self._layers[layer] = keys, values
        keys[:, :, self._used : end] = key
        values[:, :, self._used : end] = value
        return keys[:, :, :end], values[:, :, :end]

    def advance(self, tokens: int) -> None:
        """See ``KVCache``."""
        self._used += tokens

    def repeat(self, rows: int) -> GrowingKVCache:
        """See ``KVCache``."""
        copied = GrowingKVCache()
        copied._used = self._used
        for keys, values in self._layers:
            copied._layers.append((self._repeated(keys, rows), self._repeated(values, rows)))
        return copied

    def _repeated(self, tensor: Tensor, rows: int) -> Tensor:
        used = tensor[:, :, : self._used].expand(rows, -1, -1, -1)
        copied = _allocated(used, self._used)
        copied[:, :, : self._used] = used
        return copied

    def select(self, rows: Tensor) -> None:
        """See ``KVCache``."""
        self._layers = [(key[rows], value[rows]) for key, value in self._layers]

    def drop_last(self, tokens: int) -> None:
        """See ``KVCache``."""
        self._used -= tokens


def _allocated(like: Tensor, tokens: int) -> Tensor:
    """Uninitialised room for ``tokens`` tokens and some more, otherwise shaped ``like`` a tensor."""
    rows, heads, _, width = like.shape
    return like.new_empty((rows, heads, tokens + _SPARE_TOKENS, width))


def _grown(old: Tensor, used: int, needed: int) -> Tensor:
    grown = _allocated(old, max(needed, old.shape[2] * 3 // 2))
    grown[:, :, :used] = old[:, :, :used]
    return grown
