"""Counts of word and character n-grams by hashing whole blocks of texts: the features of the classical families.

An n-gram is found by a 64-bit polynomial hash of its characters, computed for a whole block of texts at once:

    S[i] = m(c_0) B^0 + ... + m(c_{i-1}) B^{i-1}   (mod 2^64)      hash(start, end) = (S[end] - S[start]) · B^-start

so that no Python loop runs over n-grams and scikit-learn (1 s to import) is not needed for prediction. The counts are
those of scikit-learn's ``CountVectorizer`` (``analyzer="word"`` with the words of ``support/text/units.py``, and
``"char_wb"``), as the tests check.
Character n-grams take a half to a third of its time, words of short texts somewhat more than it.
The chance that any two of a million n-grams share a hash is 3e-8.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from goldilocks.support.machine.hardware import cores
from goldilocks.support.text.units import FIRST_SEGMENTATION, SEGMENTATION, normalised, words

if TYPE_CHECKING:
    import scipy.sparse as sp


Hashes = npt.NDArray[np.uint64]
Positions = npt.NDArray[np.int64]

BLOCK_CHARACTERS = 400_000
"""Characters of a block of texts, which bound the working memory (about 100 bytes each)."""
SAMPLE_CHARACTERS = 20_000_000
"""Maximum number of characters of the training texts that the vocabulary is taken from, spread evenly over them."""

_BASE = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2^64
_powers: list[tuple[Hashes, Hashes]] = []


@dataclass(frozen=True, slots=True)
class Grams:
    """A kind of n-grams to count."""

    kind: str
    """``word`` (runs of words), ``char`` (inside words padded with one space) or ``marked`` (single pieces
    between blanks, as ``classical/pair_features.py`` writes them)."""
    low: int
    high: int
    """Shortest and longest, in words or characters; ``low`` of ``char`` is 2 or 3."""
    segmentation: int = SEGMENTATION
    """Version of normalisation and word segmentation (``support/text/units.py``)."""


# ------------------------------------------------------------------------------------------------------------ counting


def prepared(text: str, grams: Grams) -> str:
    """Normalised and in lower case, its words separated by one space."""
    if grams.kind == "marked":
        return text
    if grams.kind == "word":
        return " ".join(words(text, grams.segmentation))
    return " ".join((text if grams.segmentation == FIRST_SEGMENTATION else normalised(text)).lower().split())


def hashed(texts: Sequence[str], grams: Grams) -> tuple[Hashes, Positions, Positions, Positions, str]:
    """Every n-gram occurrence of ``texts``.

    Returns:
        ``(hashes, rows, starts, ends, joined)``: occurrence k is ``joined[starts[k]:ends[k]]`` in text ``rows[k]``.
    """
    clean = [prepared(text, grams) for text in texts]
    filled = [row for row, text in enumerate(clean) if text]
    joined = "".join(" " + clean[row] for row in filled) + " "
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    lengths = np.array([len(clean[row]) + 1 for row in filled], dtype=np.int64)  # each text owns the space before it
    owner = np.append(np.repeat(np.array(filled, dtype=np.int64), lengths), -1)
    starts, ends = _char_spans(codes, grams) if grams.kind == "char" else _word_spans(codes, owner, grams)
    powers, inverses = _power_tables(len(codes))
    sums = np.zeros(len(codes) + 1, dtype=np.uint64)
    np.cumsum(_mixed(codes) * powers[: len(codes)], out=sums[1:])
    return (sums[ends] - sums[starts]) * inverses[starts], owner[starts], starts, ends, joined


def _word_spans(codes: npt.NDArray[np.uint32], owner: Positions, grams: Grams) -> tuple[Positions, Positions]:
    spaces = np.flatnonzero(codes == 32)
    first, last = spaces[:-1] + 1, spaces[1:]
    pieces = []
    for n in range(grams.low, grams.high + 1):
        start, end = first[: len(first) - n + 1], last[n - 1 :]
        inside = owner[start] == owner[end - 1]
        pieces.append((start[inside], end[inside]))
    return _joined(pieces)


def _char_spans(codes: npt.NDArray[np.uint32], grams: Grams) -> tuple[Positions, Positions]:
    before = np.concatenate([[0], np.cumsum(codes == 32)])  # spaces before each position
    pieces = []
    for n in range(grams.low, grams.high + 1):
        start = np.arange(max(len(codes) - n + 1, 0))
        # A space may open or close an n-gram (it marks the edge of a word), it may not lie inside.
        inside = before[start + n - 1] == before[start + 1] if n > 2 else np.full(len(start), True)
        pieces.append((start[inside], start[inside] + n))
    return _joined(pieces)


def _joined(pieces: list[tuple[Positions, Positions]]) -> tuple[Positions, Positions]:
    return np.concatenate([positions for positions, _ in pieces]), np.concatenate(
        [positions for _, positions in pieces]
    )


def _mixed(codes: npt.NDArray[np.uint32]) -> Hashes:
    """A pseudorandom 64-bit number for each character (splitmix64)."""
    z = (codes.astype(np.uint64) + np.uint64(1)) * np.uint64(_BASE)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _power_tables(length: int) -> tuple[Hashes, Hashes]:
    """B^0 … and B^-0 … (mod 2^64), kept between calls and grown when needed."""
    kept = _powers[-1] if _powers else None
    if kept is None or len(kept[0]) <= length:
        tables = np.full((2, max(2 * length, 4096)), _BASE, dtype=np.uint64)
        tables[1] = pow(_BASE, -1, 2**64)
        tables[:, 0] = 1
        kept = np.cumprod(tables[0]), np.cumprod(tables[1])
        _powers[:] = [kept]  # both at once: other threads may be reading
    return kept


@dataclass(frozen=True, slots=True)
class NgramCounts:
    """The n-gram counts of some texts, in n-gram order (like a CSC matrix)."""

    hashes: Hashes
    """Hash of each distinct n-gram, in ascending order; shape ``(n_terms,)``, as ``seen``, ``starts`` and ``ends``."""
    seen: Positions
    """Document frequency."""
    starts: Positions
    ends: Positions
    """One occurrence of it in ``joined``."""
    joined: str
    rows: Positions
    """Texts with the first n-gram, then those with the second …; shape ``(sum of seen,)``, as ``counts``."""
    counts: npt.NDArray[np.float32]
    """Term frequency there."""


def count_ngrams(texts: Sequence[str], grams: Grams) -> NgramCounts:
    """Count the n-grams of a block of texts."""
    hashes, rows, starts, ends, joined = hashed(texts, grams)
    order = np.argsort(hashes, kind="stable")  # inside one n-gram the rows then rise, as they do in ``hashed``
    hashes, rows = hashes[order], rows[order]
    first = np.append(True, hashes[1:] != hashes[:-1])[: len(hashes)]
    fresh = np.flatnonzero(first | np.append(True, rows[1:] != rows[:-1])[: len(hashes)])
    cells = np.append(fresh, len(hashes))
    term = np.append(np.flatnonzero(first[fresh]), len(fresh))
    example = order[first]
    return NgramCounts(
        hashes=hashes[first],
        seen=np.diff(term),
        starts=starts[example],
        ends=ends[example],
        joined=joined,
        rows=rows[fresh],
        counts=np.diff(cells).astype(np.float32),
    )


def blocks(texts: Sequence[str]) -> Iterator[slice]:
    """Slices of consecutive texts of about ``BLOCK_CHARACTERS`` together."""
    start = characters = 0
    for position, text in enumerate(texts):
        characters += len(text)
        if characters >= BLOCK_CHARACTERS:
            yield slice(start, position + 1)
            start, characters = position + 1, 0
    if start < len(texts):
        yield slice(start, len(texts))


# ---------------------------------------------------------------------------------------------------------- vocabulary


class Vocabulary:
    """The column of each n-gram: kind by kind, inside a kind by ascending hash."""

    def __init__(self, grams: Sequence[Grams], terms: Sequence[Sequence[str]]) -> None:
        """``terms``: the n-grams of each kind, in the order of ``grams``; any order inside."""
        self.grams = tuple(grams)
        self.terms: list[list[str]] = []
        self.hashes: list[Hashes] = []
        for term in terms:
            hashes = hash_of_terms(term)
            order = np.argsort(hashes)
            self.hashes.append(hashes[order])
            self.terms.append([term[i] for i in order.tolist()])
        widths = [len(term) for term in self.terms]
        self.edges: list[int] = [0, *np.cumsum(widths).tolist()]
        """Columns of kind k are ``edges[k]`` up to (not including) ``edges[k + 1]``."""

    def __len__(self) -> int:
        return self.edges[-1]

    def cells(self, kind: int, block: NgramCounts) -> tuple[Positions, Positions, npt.NDArray[np.float32]]:
        """``(rows, columns, counts)`` of the known n-grams of a kind, in no promised order."""
        known = self.hashes[kind]
        if not len(known) or not len(block.hashes):
            nothing = np.zeros(0, dtype=np.int64)
            return nothing, nothing, np.zeros(0, dtype=np.float32)
        column = np.minimum(np.searchsorted(known, block.hashes), len(known) - 1)
        column[known[column] != block.hashes] = -1
        columns = np.repeat(column, block.seen)
        hit = columns >= 0
        return block.rows[hit], columns[hit] + self.edges[kind], block.counts[hit]

    def matrix(self, texts: Sequence[str]) -> sp.csr_array:
        """Counts as a sparse matrix ``(n_texts, n_terms)``, float32, made block by block."""
        return self._stacked(
            texts, ([count_ngrams(texts[block], gram) for gram in self.grams] for block in blocks(texts))
        )

    def _stacked(self, texts: Sequence[str], kinds_of_blocks: Iterable[list[NgramCounts]]) -> sp.csr_array:
        import scipy.sparse as sp

        parts = [sp.csr_array((0, len(self)), dtype=np.float32)]
        for block, kinds in zip(blocks(texts), kinds_of_blocks, strict=True):
            cells = [self.cells(kind, texts_of_kind) for kind, texts_of_kind in enumerate(kinds)]
            rows, columns, counts = (np.concatenate(cell) for cell in zip(*cells, strict=True))
            shape = (block.stop - block.start, len(self))
            parts.append(sp.coo_array((counts, (rows.astype(np.int32), columns.astype(np.int32))), shape=shape).tocsr())
        return sp.vstack(parts, format="csr", dtype=np.float32)

    @classmethod
    def learned(
        cls, texts: Sequence[str], grams: Sequence[Grams], *, min_texts: int, limit: int
    ) -> tuple[Vocabulary, sp.csr_array]:
        """The n-grams of ``texts`` and their counts.

        Args:
            texts: The training texts.
            grams: Kinds of n-grams.
            min_texts: Least document frequency.
            limit: Maximum number of n-grams of each kind; those with the highest document frequency are kept.

        Returns:
            The vocabulary and the counts ``(n_texts, n_terms)``.
        """
        characters = sum(len(text) for text in texts)
        every = max(1, -(-characters // SAMPLE_CHARACTERS))
        sample = texts[::every]
        # Sorting, which is most of the work, lets other threads run.
        with ThreadPoolExecutor(cores()) as pool:
            counted_blocks = list(
                pool.map(lambda block: [count_ngrams(sample[block], gram) for gram in grams], blocks(sample))
            )
        terms = [_commonest([kinds[kind] for kinds in counted_blocks], min_texts, limit) for kind in range(len(grams))]
        vocabulary = cls(grams, terms)
        return vocabulary, vocabulary.matrix(texts) if every > 1 else vocabulary._stacked(texts, counted_blocks)


def hash_of_terms(terms: Sequence[str]) -> Hashes:
    """The hash under which ``hashed`` finds each term."""
    if not terms:
        return np.zeros(0, dtype=np.uint64)
    codes = np.frombuffer("".join(terms).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    ends = np.cumsum(np.array([len(term) for term in terms]))
    starts = np.concatenate([[0], ends[:-1]])
    # Powers count from each term's own start, so that a long list needs no long table of powers.
    offsets = np.arange(len(codes)) - np.repeat(starts, ends - starts)
    powers, _ = _power_tables(int(offsets.max()) + 1)
    hashes: Hashes = np.add.reduceat(_mixed(codes) * powers[offsets], starts)
    return hashes


def _commonest(counts: list[NgramCounts], min_texts: int, limit: int) -> list[str]:
    if not counts:
        return []
    hashes = np.concatenate([block.hashes for block in counts])
    order = np.argsort(hashes, kind="stable")
    first = np.flatnonzero(np.append(True, hashes[order][1:] != hashes[order][:-1])[: len(hashes)])
    if not len(first):
        return []
    seen = np.add.reduceat(np.concatenate([block.seen for block in counts])[order], first)
    keep = np.flatnonzero(seen >= min_texts)
    if len(keep) > limit:
        keep = keep[np.argsort(-seen[keep], kind="stable")[:limit]]
    example = order[first[keep]]
    edges = np.cumsum([0, *(len(block.hashes) for block in counts)])
    number = np.searchsorted(edges, example, side="right") - 1
    spans = [(counts[block], at - edges[block]) for block, at in zip(number.tolist(), example.tolist(), strict=True)]
    return [own.joined[own.starts[at] : own.ends[at]] for own, at in spans]
