"""Near duplicates among many texts: MinHash finds candidate pairs, the exact Jaccard similarity decides.

A text is the set of its character shingles. Two texts are near duplicates where the shingles they share are at least
``threshold`` (0.8) of all their shingles. 70 MinHash values per text in 14 bands of 5: a pair at similarity s shares a
band, and so is compared, with probability 1 - (1 - s^5)^14: 99.6 % at 0.8, 99.99 % at 0.9. A pair below the threshold
is never taken. Shingles are 5 characters long, 3 where most characters are Chinese, Japanese or Korean, one of which
says about as much as two letters.

Source: Broder 1997, "On the resemblance and containment of documents"; Leskovec, Rajaraman, Ullman, "Mining of Massive
Datasets", ch. 3. Our hash functions are xor and an odd multiplication modulo 2^32 of an already mixed hash, not a
min-wise independent family; the tests compare the estimate with the true similarity.

What bounds the work: in a bucket a text is compared with a few neighbours, and per band at most a quarter as many pairs
are verified as there are texts (10,000 more for small data), those first whose signatures agree most. Where hundreds of
thousands of texts come from one template and are all just about alike, some near duplicates are therefore missed.
Memory: 70 bytes per text in addition to the texts, and pieces of fixed size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.integer[Any]]
U64 = npt.NDArray[np.uint64]
U32 = npt.NDArray[np.uint32]
U8 = npt.NDArray[np.uint8]

BANDS = 14
BAND_ROWS = 5
WIDE, NARROW = 5, 3
_DENSE_FROM = 0x2E80
"""From this code point on a character is CJK (or an emoji, which does no harm)."""
_CHUNK_CHARACTERS = 200_000
"""Characters hashed at a time: 0.8 MB of hashes stay in the processor's cache while 70 functions pass over them."""
_CHUNK_SHINGLES = 4_000_000
"""Shingles of candidate pairs compared at a time."""
_CHUNK_PAIRS = 200_000
_NEIGHBOURS = 4
"""Texts of a bucket are compared with this many before them and with the first: O(n), not O(n^2), for a bucket of n."""

_MIX = np.uint64(0x9E3779B97F4A7C15)


def near_groups(texts: Sequence[str], *, threshold: float = 0.8, seed: int = 0) -> Ints:
    """Number of the group of each text, shape ``(n_texts,)``; texts joined by a chain of near duplicates are in one
    group.

    Args:
        texts: Normalised, each different from the others.
        threshold: Jaccard similarity from which two texts are near duplicates, above 0.5.
        seed: Seed of the hash functions; the same seed gives the same groups.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n_texts = len(texts)
    group: Ints = np.arange(n_texts, dtype=np.int32)
    signature = signatures(texts, seed=seed)
    lefts: list[Ints] = []
    rights: list[Ints] = []
    for band in range(BANDS):
        left, right = _bucket_pairs(signature[:, band * BAND_ROWS : (band + 1) * BAND_ROWS])
        apart = group[left] != group[right]
        left, right = _promising(signature, left[apart], right[apart], threshold, limit=n_texts // 4 + 10_000)
        same = similarities(texts, left, right) >= threshold - 1e-9
        if not same.any():
            continue
        lefts.append(left[same])
        rights.append(right[same])
        edges = np.concatenate(lefts), np.concatenate(rights)
        joined = coo_array((np.ones(len(edges[0]), dtype=bool), edges), shape=(n_texts, n_texts))
        group = connected_components(joined, directed=False)[1]
    return group


def signatures(texts: Sequence[str], *, seed: int = 0) -> U8:
    """The lowest byte of each MinHash value, shape ``(n_texts, BANDS * BAND_ROWS)``.

    Bytes of different values agree by chance once in 256 times; keeping four times as much would not pay.
    """
    signatures = np.empty((len(texts), BANDS * BAND_ROWS), dtype=np.uint8)
    for positions, hashes, starts in _pieces(texts):
        high = (hashes >> np.uint64(32)).astype(np.uint32)
        signatures[positions] = np.stack(
            [values.astype(np.uint8) for values in minhashes(high, starts, seed=seed)], axis=1
        )
    return signatures


def minhashes(hashes: U32, starts: Ints, *, seed: int = 0) -> Iterator[U32]:
    """The 70 MinHash values, one function at a time: the least hash of each text, shape ``(n_texts,)``.

    The share of functions in which two texts agree estimates their Jaccard similarity.
    """
    rng = np.random.default_rng([seed, 0x5EED])
    scratch = np.empty_like(hashes)
    for _ in range(BANDS * BAND_ROWS):
        flip, factor = rng.integers(0, 2**32, size=2, dtype=np.uint32)
        np.bitwise_xor(hashes, flip, out=scratch)
        np.multiply(scratch, factor | np.uint32(1), out=scratch)
        yield np.minimum.reduceat(scratch, starts)


def similarities(texts: Sequence[str], left: Ints, right: Ints) -> npt.NDArray[np.float64]:
    """Jaccard similarity of the shingle sets of ``texts[left[i]]`` and ``texts[right[i]]``, shape ``(n_pairs,)``.

    Shingles count as equal where 40 bits of their hashes are: with a thousand shingles a chance of about 10^-6 per pair
    that one is taken for another.
    """
    similarity = np.zeros(len(left))
    needed, places = np.unique(np.concatenate([left, right]), return_inverse=True)
    lengths = np.fromiter((len(texts[position]) for position in needed.tolist()), dtype=np.int64, count=len(needed))
    pieces = np.cumsum(lengths[places[: len(left)]] + lengths[places[len(left) :]]) // _CHUNK_SHINGLES
    start = 0
    for end in (np.flatnonzero(np.diff(pieces, append=-1)) + 1).tolist():
        similarity[start:end] = _similarities(texts, left[start:end], right[start:end])
        start = end
    return similarity


def _width(text: str) -> int:
    if text.isascii():
        return WIDE
    return NARROW if 2 * sum(ord(character) >= _DENSE_FROM for character in text[:200]) > min(len(text), 200) else WIDE


def _pieces(texts: Sequence[str]) -> Iterator[tuple[Ints, U64, Ints]]:
    """Hashed shingles in pieces: positions of the texts, their hashes one after the other, where each text starts."""
    waiting: dict[int, list[int]] = {WIDE: [], NARROW: []}
    held = {WIDE: 0, NARROW: 0}
    for position, text in enumerate(texts):
        width = _width(text)
        waiting[width].append(position)
        held[width] += len(text)
        if held[width] >= _CHUNK_CHARACTERS:
            yield np.asarray(waiting[width]), *_hashed([texts[position] for position in waiting[width]], width)
            waiting[width], held[width] = [], 0
    for width, positions in waiting.items():
        if positions:
            yield np.asarray(positions), *_hashed([texts[position] for position in positions], width)


def _hashed(texts: list[str], width: int) -> tuple[U64, Ints]:
    """Well mixed 64-bit hash of every shingle, text after text, and where each text starts."""
    padded = [text if len(text) >= width else text.ljust(width) for text in texts]
    characters = np.frombuffer("".join(padded).encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    lengths = np.fromiter(map(len, padded), dtype=np.int64, count=len(padded))
    rolled = np.zeros(len(characters) - width + 1, dtype=np.uint64)
    for place in range(width):
        rolled *= _MIX
        rolled += characters[place : len(characters) - width + 1 + place]
    # The last width - 1 places of a text would read on into the next one.
    ends = np.cumsum(lengths)
    inside = np.ones(len(characters), dtype=bool)
    for place in range(1, width):
        inside[ends - place] = False
    return _mixed(rolled[inside[: len(rolled)]]), np.concatenate([[0], np.cumsum(lengths - width + 1)[:-1]])


def _mixed(values: U64) -> U64:
    """The finaliser of splitmix64: every bit of the result depends on every bit of the value."""
    values ^= values >> np.uint64(30)
    values *= np.uint64(0xBF58476D1CE4E5B9)
    values ^= values >> np.uint64(27)
    values *= np.uint64(0x94D049BB133111EB)
    values ^= values >> np.uint64(31)
    return values


def _bucket_pairs(band: U8) -> tuple[Ints, Ints]:
    """Pairs of texts to compare among those with the same bytes in a band, shape ``(n_texts, BAND_ROWS)``."""
    keys = np.zeros(len(band), dtype=np.uint64)
    for column in range(BAND_ROWS):
        keys = (keys << np.uint64(8)) | band[:, column]
    order = np.argsort(keys, kind="stable").astype(np.int32)
    ordered = keys[order]
    fresh = np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(order)]
    place = np.arange(len(order), dtype=np.int32)
    first = np.maximum.accumulate(np.where(fresh, place, 0))
    pairs: list[tuple[Ints, Ints]] = []
    for back in range(1, _NEIGHBOURS + 1):
        later = np.flatnonzero(place - first >= back)
        pairs.append((order[later - back], order[later]))
    far = np.flatnonzero(place - first > _NEIGHBOURS)
    pairs.append((order[first[far]], order[far]))
    return np.concatenate([side for side, _ in pairs]), np.concatenate([side for _, side in pairs])


def _promising(signature: U8, left: Ints, right: Ints, threshold: float, *, limit: int) -> tuple[Ints, Ints]:
    """The pairs whose signatures say they could reach the threshold, at most ``limit`` of them, the likeliest first."""
    n_hashes = signature.shape[1]
    agreeing = np.empty(len(left), dtype=np.int16)
    for start in range(0, len(left), _CHUNK_PAIRS):
        piece = slice(start, start + _CHUNK_PAIRS)
        agreeing[piece] = (signature[left[piece]] == signature[right[piece]]).sum(1)
    # Three standard errors below the threshold: a true near duplicate falls there once in a thousand times.
    minimum = n_hashes * threshold - 3 * np.sqrt(n_hashes * threshold * (1 - threshold))
    kept = np.flatnonzero(agreeing >= minimum)
    if len(kept) > limit:
        kept = kept[np.argsort(-agreeing[kept], kind="stable")[:limit]]
    return left[kept], right[kept]


def _similarities(texts: Sequence[str], left: Ints, right: Ints) -> npt.NDArray[np.float64]:
    needed, places = np.unique(np.concatenate([left, right]), return_inverse=True)
    shingles, starts, sizes = _sets([texts[position] for position in needed.tolist()])
    sides = places.reshape(2, -1).T  # (n_pairs, 2)
    lengths = sizes[sides]
    # The shingles of both sides of every pair in a row, each tagged with its pair: what occurs twice is shared.
    offsets = np.cumsum(lengths.ravel()) - lengths.ravel()
    picked = np.arange(int(lengths.sum())) + np.repeat(starts[sides.ravel()] - offsets, lengths.ravel())
    pair = np.repeat(np.arange(len(left), dtype=np.uint64), lengths.sum(1))
    tagged = (pair << np.uint64(40)) | shingles[picked]
    tagged.sort()
    twice = tagged[1:][tagged[1:] == tagged[:-1]] >> np.uint64(40)
    shared = np.bincount(twice.astype(np.int64), minlength=len(left))
    return np.asarray(shared / (lengths.sum(1) - shared), dtype=np.float64)


def _sets(texts: list[str]) -> tuple[U64, Ints, Ints]:
    """40-bit hashes of the different shingles of each text, text after text; where each text starts; how many it "
    "has.
    """
    tagged: list[U64] = []
    for positions, hashes, starts in _pieces(texts):
        lengths = np.diff(starts, append=len(hashes))
        tagged.append((np.repeat(positions, lengths).astype(np.uint64) << np.uint64(40)) | (hashes >> np.uint64(24)))
    ordered = np.concatenate(tagged)
    ordered.sort()  # np.unique would hash here, several times slower
    distinct = ordered[np.append(True, ordered[1:] != ordered[:-1])]
    sizes = np.bincount((distinct >> np.uint64(40)).astype(np.int64), minlength=len(texts))
    return distinct & np.uint64(2**40 - 1), np.cumsum(sizes) - sizes, sizes
