"""Exact and near duplicates: within a part, and across parts (leaks).

Exact means after normalisation: Unicode NFKC, case folded, white space collapsed. Nearly: see
``near_duplicates.py``.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from goldilocks.data.splitting.near_duplicates import near_groups

Ints = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class Groups:
    """Which texts belong together; two rows do where they have the same number."""

    exact: Ints
    """Number of the normalised text of each row, shape ``(n_rows,)``."""
    near: Ints
    """Number of the group of near duplicates of each row, ``(n_rows,)``; rows with one text are in one group."""

    def take(self, positions: Sequence[int] | Ints) -> Groups:
        """The same for the rows at ``positions``."""
        return Groups(self.exact[positions], self.near[positions])


def normalise(text: str) -> str:
    r"""NFKC, case folded, white space collapsed to single blanks.

    Example:
        >>> normalise("  Ｈello\tWORLD ")
        'hello world'
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.casefold().split())


def group(texts: Sequence[str], *, about: Sequence[str] | None = None, threshold: float = 0.8, seed: int = 0) -> Groups:
    """Which of ``texts`` are the same or nearly so.

    Args:
        texts: As they were read.
        about: What each is about (the context of a question), where those about the same belong together.
        threshold: Jaccard similarity of character shingles from which two texts are near duplicates.
        seed: Seed of the hash functions.
    """
    # 8 bytes of a hash: among a million texts two different ones share it with a chance of 3 in 10^8.
    digests = b"".join(hashlib.blake2b(normalise(text).encode("utf-8"), digest_size=8).digest() for text in texts)
    _, first, exact = np.unique(np.frombuffer(digests, dtype=np.uint64), return_index=True, return_inverse=True)
    if about is not None:
        return Groups(exact, group(about, threshold=threshold, seed=seed).near)
    distinct = [normalise(texts[position]) for position in first.tolist()]
    return Groups(exact, near_groups(distinct, threshold=threshold, seed=seed)[exact])
