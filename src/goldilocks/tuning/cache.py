"""Cache of frozen layers: their output is kept for every training text and reused in later epochs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

LIMIT_BYTES = 2_000_000_000
"""Largest cache. What is larger is kept in bfloat16; where that is not enough, frozen layers run again every epoch."""


class FrozenStates:
    """Hidden states below the lowest layer that learns (or pooled vectors, where only the head learns), text by text.

    Filled as batches come by, so that a run that is never promoted pays for no text it has not seen.
    """

    def __init__(self, lengths: npt.NDArray[np.int64], width: int, dtype: torch.dtype, *, pooled: bool) -> None:
        """Reserve the rows (memory is taken as they are filled).

        Args:
            lengths: Tokens of each text.
            width: Width of the states.
            dtype: Data type of the states; they are kept in bfloat16 where more would not ``fit``.
            pooled: Keep one vector per text instead of one per token.
        """
        self.pooled = pooled
        self._dtype = dtype
        self._lengths = np.ones_like(lengths) if pooled else lengths
        self._starts = np.concatenate([[0], np.cumsum(self._lengths)])
        kept = dtype if self._bytes(self._lengths, width, dtype) <= LIMIT_BYTES else torch.bfloat16
        self._rows = torch.empty((int(self._starts[-1]), width), dtype=kept)
        self._known = np.zeros(len(lengths), dtype=bool)

    @staticmethod
    def _bytes(lengths: npt.NDArray[np.int64], width: int, dtype: torch.dtype) -> int:
        return int(lengths.sum()) * width * dtype.itemsize

    @staticmethod
    def fits(lengths: npt.NDArray[np.int64], width: int, *, pooled: bool) -> bool:
        """Whether all of it stays below the limit, in bfloat16 at worst."""
        return FrozenStates._bytes(np.ones_like(lengths) if pooled else lengths, width, torch.bfloat16) <= LIMIT_BYTES

    def has(self, texts: Sequence[int]) -> bool:
        """Whether every text of a batch is kept."""
        return bool(self._known[texts].all())

    def put(self, texts: Sequence[int], states: Tensor) -> None:
        """Keep a batch: ``(n_texts, longest, width)``, or ``(n_texts, width)`` when pooled."""
        states = states.detach().cpu()
        for place, text in enumerate(texts):
            start, length = int(self._starts[text]), int(self._lengths[text])
            self._rows[start : start + length] = states[place] if self.pooled else states[place, :length]
        self._known[texts] = True

    def take(self, texts: Sequence[int]) -> Tensor:
        """A batch as it was put, padding as 0."""
        if self.pooled:
            return self._rows[torch.as_tensor(texts)].to(self._dtype)
        lengths = self._lengths[texts]
        inside = np.arange(lengths.max())[None, :] < lengths[:, None]
        where = np.concatenate([np.arange(self._starts[text], self._starts[text + 1]) for text in texts])
        batch = torch.zeros((*inside.shape, self._rows.shape[1]), dtype=self._dtype)
        batch[torch.from_numpy(inside)] = self._rows[torch.from_numpy(where)].to(self._dtype)
        return batch
