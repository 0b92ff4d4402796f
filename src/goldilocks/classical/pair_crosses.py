"""Sparse features of two texts for a linear model: marked and crossed words, as hashes.

    =w          a word or word bigram of both texts
    <w  >w      one of the first or of the second text only (of a candidate in a list only ``>``: a query has the same
                words beside every candidate)
    v*w         a word of the first text only beside one of the second only, of the ``CROSSED`` rarest of each

Source: crossed unigrams as in Bowman et al. 2015, "A large annotated corpus for learning natural language inference"
(its lexicalised classifier); hashing after Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask
Learning", with 64 bits, so that collisions are rare and the number of features is that of the training rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import islice

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from goldilocks.classical.pair_similarity import Profile

Hashes = npt.NDArray[np.uint64]

CROSSED = 12
"""Words of either text that are crossed."""
MAX_TERMS = 100_000
"""Features that are kept: those of most rows."""
_ODD = np.uint64(0x9E3779B97F4A7C15)


def crosses(first: Profile, second: Profile, *, candidate: bool) -> Hashes:
    """The hashes of a pair's features, each once, in ascending order.

    Args:
        first: The first text, or the query.
        second: The second text, or the candidate.
        candidate: Leave out the features of the first text alone.
    """
    hashes: list[int] = []
    for kind in (0, 1):
        mine, theirs = first.idf[kind], second.idf[kind]
        hashes += [_hash(f"={gram}" if gram in mine else f">{gram}") for gram in theirs]
        if not candidate:
            hashes += [_hash(f"<{gram}") for gram in mine if gram not in theirs]
    left, right = _rarest(first, second), _rarest(second, first)
    with np.errstate(over="ignore"):
        pairs = (np.array(left, np.uint64)[:, None] * _ODD) ^ np.array(right, np.uint64)[None, :]
    return np.unique(np.concatenate([np.array(hashes, dtype=np.uint64), pairs.ravel()]))


def _rarest(text: Profile, other: Profile) -> list[int]:
    """Hashes of the rarest words of a text that the other one does not have."""
    alone = (word for word in text.rarest if word not in other.idf[0])
    return [_hash(word) for word in islice(alone, CROSSED)]


def hashes_of(names: Iterable[str]) -> Hashes:
    """The hashes of features by their names, each once, in ascending order."""
    return np.unique(np.fromiter(map(_hash, names), dtype=np.uint64))


@lru_cache(maxsize=200_000)
def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def known_features(rows: Sequence[Hashes], *, min_rows: int) -> Hashes:
    """The features of at least ``min_rows`` rows, at most ``MAX_TERMS``, in ascending order."""
    if not rows:
        return np.zeros(0, dtype=np.uint64)
    hashes, counts = np.unique(np.concatenate(rows), return_counts=True)
    kept = counts >= min_rows
    if kept.sum() > MAX_TERMS:
        kept &= counts > np.partition(counts, -MAX_TERMS)[-MAX_TERMS]
    return np.asarray(hashes[kept], dtype=np.uint64)


def as_table(rows: Iterable[Hashes], known: Hashes) -> sp.csr_array:
    """Known features of each row, ``(n_rows, n_known)``, float32; each row of length 1."""
    columns, starts, values = [], [0], []
    for row in rows:
        place = np.searchsorted(known, row)
        inside = place < len(known)
        place = place[inside]
        place = place[known[place] == row[inside]]
        columns.append(place.astype(np.int32))
        values.append(np.full(len(place), len(place) ** -0.5 if len(place) else 1.0, dtype=np.float32))
        starts.append(starts[-1] + len(place))
    empty = np.zeros(0, dtype=np.int32)
    shape = (len(starts) - 1, len(known))
    arrays = (np.concatenate([np.zeros(0, np.float32), *values]), np.concatenate([empty, *columns]), np.array(starts))
    return sp.csr_array(arrays, shape=shape)
