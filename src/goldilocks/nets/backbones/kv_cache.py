"""What generation asks of a network: to read on from what it has read, and to say how likely each next token is.

    read(ids, place, memory) -> hidden        the tokens are added to the memory
    logits(hidden)           -> scores over the vocabulary, for the few places where they are wanted

Tokens of all rows are added side by side at the end of the memory. Padding stands where it came to stand and is never
looked at; each row counts its own positions. So rows of different length need no padding on the left, and several
continuations of one text (the words of every label) can be read at once as a tree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor


class KVCache(Protocol):
    """Keys and values of what was read, ``(n_rows, heads, n_tokens, width)`` for each layer."""

    def add(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Put them behind what is there; all of it is returned."""

    def advance(self, tokens: int) -> None:
        """Every layer has its new tokens."""

    def spread(self, rows: int) -> KVCache:
        """What one row read, for ``rows`` rows."""

    def keep(self, rows: Tensor) -> None:
        """Only these rows go on."""

    def forget(self, tokens: int) -> None:
        """The newest tokens were never read."""


@dataclass(slots=True)
class AttentionContext:
    """Where new tokens stand, and what they may look at."""

    positions: Tensor
    """``(n_rows, n_new)``: each row counts from 0."""
    looks: Tensor | None = None
    """True where a new token may look, ``(n_rows, 1, n_new, n_tokens)``, itself included; ``None``: one token looks
    everywhere, several look back."""
    keys: Tensor | None = None
    """Positions of everything to look at, ``(n_rows, n_tokens)``; ``None``: the new tokens are all there is."""
    real: Tensor | None = None
    """Which new tokens are no padding, numbers into ``(n_rows * n_new,)``; ``None``: all. What looks at one token alone
    can leave the others out."""
    wanted: Tensor | None = None
    """Whose hidden states are wanted, numbers into ``(n_rows * n_new,)``, rising; ``None``: all. The states of others
    may come out as anything."""
    _angles: dict[tuple[float, int, torch.dtype], tuple[Tensor, Tensor]] = field(default_factory=dict)
    _seen: dict[int, Tensor] = field(default_factory=dict)

    @staticmethod
    def alone(rows: int, tokens: int, device: torch.device) -> AttentionContext:
        """Rows that begin here; padding, if any, at their end."""
        return AttentionContext(torch.arange(tokens, device=device).expand(1 if rows else 0, tokens))

    def angles(self, theta: float, width: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Cosine and sine of the rotary angles, ``(n_rows, 1, n_new, width)``."""
        key = (theta, width, dtype)
        if key not in self._angles:
            steps = torch.arange(0, width, 2, dtype=torch.float32, device=self.positions.device)
            angle = self.positions.float()[:, None, :, None] * (1.0 / theta ** (steps / width))
            angle = torch.cat((angle, angle), -1)
            self._angles[key] = angle.cos().to(dtype), angle.sin().to(dtype)
        return self._angles[key]

    def seen(self, window: int) -> Tensor | None:
        """``looks``, without what lies ``window`` or more tokens back (0: no window)."""
        keys = self.positions if self.keys is None else self.keys
        if not window or keys.shape[1] <= window:
            return self.looks
        if window not in self._seen:
            back = self.positions[:, None, :, None] - keys[:, None, None, :]
            near = back < window
            self._seen[window] = near & (back >= 0 if self.looks is None else self.looks)
        return self._seen[window]


_SPARE = 64


class GrowingKVCache:
    """A ``KVCache`` with room to grow, so that a step of generation copies one token and not all of them."""

    def __init__(self) -> None:
        """Empty."""
        self._layers: list[tuple[Tensor, Tensor]] = []
        self._used = 0

    def add(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """See ``KVCache``."""
        end = self._used + key.shape[2]
        if layer == len(self._layers):
            self._layers.append((_roomy(key, end), _roomy(value, end)))
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

    def spread(self, rows: int) -> GrowingKVCache:
        """See ``KVCache``."""
        other = GrowingKVCache()
        other._used = self._used
        for pair in self._layers:
            key, value = (one[:, :, : self._used].expand(rows, -1, -1, -1) for one in pair)
            made = _roomy(key, self._used), _roomy(value, self._used)
            made[0][:, :, : self._used], made[1][:, :, : self._used] = key, value
            other._layers.append(made)
        return other

    def keep(self, rows: Tensor) -> None:
        """See ``KVCache``."""
        self._layers = [(key[rows], value[rows]) for key, value in self._layers]

    def forget(self, tokens: int) -> None:
        """See ``KVCache``."""
        self._used -= tokens


def _roomy(like: Tensor, tokens: int) -> Tensor:
    rows, heads, _, width = like.shape
    return like.new_empty((rows, heads, tokens + _SPARE, width))


def _grown(old: Tensor, used: int, wanted: int) -> Tensor:
    made = _roomy(old, max(wanted, old.shape[2] * 3 // 2))
    made[:, :, :used] = old[:, :, :used]
    return made
