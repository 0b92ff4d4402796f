"""Batches of texts of like length, padded to their longest only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


def by_length(
    lengths: Sequence[int], *, rows: int, tokens: int, rng: np.random.Generator | None = None
) -> Iterator[list[int]]:
    """Positions of texts, batch by batch; texts in a batch are of like length.

    Args:
        lengths: Tokens of each text.
        rows: Most texts in a batch.
        tokens: Most tokens in a batch, padding included (one text alone may exceed it).
        rng: With it, texts of equal length and the batches come in random order; without, longest first.
    """
    order = np.asarray(lengths)
    if rng is None:
        ranked = np.argsort(-order, kind="stable")
    else:
        # A little noise on the length mixes neighbours, so that an epoch's batches are not the last epoch's; 3 % of it
        # pad 1 % of TREC's tokens, 10 % would pad 8 %.
        ranked = np.argsort(-(order * rng.uniform(0.97, 1.03, len(order))), kind="stable")
    batches: list[list[int]] = []
    current: list[int] = []
    longest = 0
    for position in ranked.tolist():
        longest_then = max(longest, int(order[position]))
        if current and (len(current) >= rows or longest_then * (len(current) + 1) > tokens):
            batches.append(current)
            current, longest_then = [], int(order[position])
        current.append(position)
        longest = longest_then
    if current:
        batches.append(current)
    if rng is not None:
        rng.shuffle(batches)
    yield from batches


def padded(tokens: Sequence[npt.NDArray[np.int32]], pad_id: int) -> tuple[Tensor, Tensor]:
    """Ids and mask ``(n_texts, longest)``, int64; the mask is 1 at tokens and 0 at padding."""
    lengths = np.fromiter((len(one) for one in tokens), dtype=np.int64, count=len(tokens))
    inside = np.arange(lengths.max())[None, :] < lengths[:, None]
    ids = np.full(inside.shape, pad_id, dtype=np.int64)
    ids[inside] = np.concatenate(tokens)
    return torch.from_numpy(ids), torch.from_numpy(inside.astype(np.int64))
