"""Search of training items by their words, last text and earlier texts separately: BM25, or latent semantic vectors.

An item of several texts, such as the turns of a dialogue, has two fields: what is answered (the last text) and what
came before. The score of a training item is that of the last texts plus ``earlier`` times that of the texts before.

Source: Robertson & Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond" (fields are mixed by their
scores here, not by their counts); Deerwester et al. 1990, "Indexing by Latent Semantic Analysis".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from goldilocks.classical.sparse_table import sparse_table
from goldilocks.records import Text
from goldilocks.support.text.units import SEGMENTATION, units

Floats = npt.NDArray[np.float32]

SATURATION, LENGTH_SHARE = 1.2, 0.75
DIRECTIONS = 100
LONGEST = 400
"""Words of a field that are counted: the last ones."""
_KEYS = ("values", "columns", "starts")


@dataclass(slots=True)
class Field:
    """One field of the training items."""

    place: dict[str, int] = field(default_factory=dict)
    """Word -> its row."""
    table: sp.csr_array | None = None
    """BM25 weights ``(n_words, n_items)``, or with ``directions`` nothing."""
    directions: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    """Latent vector of each word, its idf included, ``(n_words, width)``."""
    vectors: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    """Latent vectors of the items, of length 1, ``(n_items, width)``."""

    def scores(self, words: Mapping[str, int]) -> Floats:
        """Score of each training item for the words of a query."""
        known = [(self.place[word], count) for word, count in words.items() if word in self.place]
        rows = [place for place, _ in known]
        counts = np.array([count for _, count in known], dtype=np.float32)
        if self.table is not None:
            products: Floats = (
                (sp.csr_array(counts[None, :]) @ self.table[rows]).toarray()[0]
                if rows
                else np.zeros(self.table.shape[1], dtype=np.float32)
            )
            return products.astype(np.float32)
        vector = np.log1p(counts) @ self.directions[rows] if rows else np.zeros(self.vectors.shape[1], np.float32)
        length = float(np.linalg.norm(vector)) or 1.0
        return np.maximum(self.vectors @ (vector / length), 0).astype(np.float32)


def counted(item: Text, segmentation: int = SEGMENTATION) -> tuple[Counter[str], Counter[str]]:
    """Words of the last text of an item, and of those before it.

    Example:
        >>> counted(("hello", "hi there", "a table for two"))[1]
        Counter({'hello': 1, 'hi': 1, 'there': 1})
    """
    last, before = (item, "") if isinstance(item, str) else (item[-1], "\n".join(item[:-1]))
    return Counter(units(last, segmentation)[-LONGEST:]), Counter(units(before, segmentation)[-LONGEST:])


def bm25_field(counts: Sequence[Mapping[str, int]]) -> Field:
    """The BM25 weights of each word in each item; a query's are its counts."""
    place, table = _counts(counts)
    n_items = max(1, len(counts))
    seen = np.bincount(table.indices, minlength=len(place))
    idf = np.log1p((n_items - seen + 0.5) / (seen + 0.5)).astype(np.float32)
    lengths = np.asarray(table.sum(1)).ravel()
    norm = SATURATION * (1 - LENGTH_SHARE + LENGTH_SHARE * lengths / max(1e-9, float(lengths.mean() or 1.0)))
    rows = np.repeat(np.arange(len(counts)), np.diff(table.indptr))
    data = idf[table.indices] * table.data * (SATURATION + 1) / (table.data + norm[rows])
    weighed = sp.csr_array((data.astype(np.float32), table.indices, table.indptr), shape=table.shape)
    return Field(place, weighed.T.tocsr())


def latent_field(counts: Sequence[Mapping[str, int]], *, seed: int) -> Field:
    """Latent vectors of the items: leading directions of their tf-idf values."""
    from sklearn.utils.extmath import randomized_svd

    place, table = _counts(counts)
    width = min(DIRECTIONS, len(place), len(counts))
    if width == 0 or not table.nnz:
        return Field(place, None, np.zeros((len(place), 1), np.float32), np.zeros((len(counts), 1), np.float32))
    seen = np.bincount(table.indices, minlength=len(place))
    idf = (np.log((1 + len(counts)) / (1 + seen)) + 1).astype(np.float32)
    table.data = np.log1p(table.data) * idf[table.indices]
    _, _, directions = randomized_svd(table, width, n_iter=4, random_state=seed % 2**32)
    vectors = np.asarray(table @ directions.T, dtype=np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    weighed = np.ascontiguousarray(directions.T * idf[:, None], dtype=np.float32)
    unit = np.asarray(vectors / np.where(lengths > 0, lengths, 1), dtype=np.float32)
    return Field(place, None, weighed, unit)


def _counts(counts: Sequence[Mapping[str, int]]) -> tuple[dict[str, int], sp.csr_array]:
    """Words with their columns, and the counts ``(n_items, n_words)``."""
    place = {word: number for number, word in enumerate(dict.fromkeys(word for own in counts for word in own))}
    columns = np.array([place[word] for own in counts for word in own], dtype=np.int32)
    values = np.array([count for own in counts for count in own.values()], dtype=np.float32)
    starts = np.cumsum([0, *map(len, counts)])
    return place, sp.csr_array((values, columns, starts), shape=(len(counts), len(place)))


def arrays_of(own: Field, name: str) -> dict[str, npt.NDArray[np.generic]]:
    """The arrays of a field, under names that begin with ``name``."""
    if own.table is None:
        return {f"{name}.directions": own.directions, f"{name}.vectors": own.vectors}
    parts = (own.table.data, own.table.indices, own.table.indptr)
    return {f"{name}.{key}": part for key, part in zip(_KEYS, parts, strict=True)}


def field_from(words: Sequence[str], arrays: Mapping[str, npt.NDArray[np.generic]], name: str, n_items: int) -> Field:
    """The field of which ``arrays_of`` gave the arrays."""
    place = {word: number for number, word in enumerate(words)}
    if f"{name}.vectors" in arrays:
        directions, vectors = (np.asarray(arrays[f"{name}.{key}"], np.float32) for key in ("directions", "vectors"))
        return Field(place, None, directions, vectors)
    values, columns, starts = (arrays[f"{name}.{key}"] for key in _KEYS)
    if len(starts) != len(words) + 1:
        raise ValueError(f"{len(words)} words have a table of {len(starts) - 1} rows")
    return Field(place, sparse_table(values, columns, starts, n_items))
