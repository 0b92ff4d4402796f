"""Distinct-n: the number of different n-grams in a set of answers, as sums over items.

How many different n-grams a set holds is not a sum of numbers per item, so each n-gram gets a column. Above
``MAX_COLUMNS`` of them, columns are kept for a fixed random part of the n-grams (chosen by hash), and what is counted
there is scaled up.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from goldilocks.records import Output
from goldilocks.support.scoring.statistics import Floats
from goldilocks.support.text.units import units

if TYPE_CHECKING:
    import scipy.sparse as sp

OUTPUTS = frozenset({Output.TEXT})
RANGE = (0.0, 1.0)
SOURCE = (
    "Li et al. 2016, 'A Diversity-Promoting Objective Function for Neural Conversation Models'; words in lower case "
    "without punctuation, scripts without spaces by character. Above 20,000 different ones a part of them is counted "
    "and scaled up."
)
MAX_COLUMNS = 20_000
"""Columns; a table of 1,000 resamples then takes 80 MB."""
_HEAD = 3


def distinct_n(gold: Sequence[Any], predicted: Sequence[Any], *, n: int) -> sp.csr_array:  # noqa: ARG001
    """``table`` as ``Metric.items``: gold answers play no part."""
    return table(predicted, n)


def table(predicted: Sequence[Any], n: int) -> sp.csr_array:
    """N-grams of each answer, the scale and 1, then a column for each n-gram kept: ``(n_items, 3 + n_kept)``."""
    import scipy.sparse as sp

    every = [[" ".join(words[i : i + n]) for i in range(len(words) - n + 1)] for words in map(_units, predicted)]
    kinds = {gram for grams in every for gram in grams}
    scale = -(-len(kinds) // MAX_COLUMNS) or 1
    kept = sorted(gram for gram in kinds if scale == 1 or zlib.crc32(gram.encode("utf-8")) % scale == 0)
    column = {gram: _HEAD + place for place, gram in enumerate(kept)}
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    for row, grams in enumerate(every):
        places = sorted({column[gram] for gram in grams if gram in column})
        rows += [row] * (_HEAD + len(places))
        columns += [0, 1, 2, *places]
        values += [len(grams), scale, 1, *([1.0] * len(places))]
    shape = (len(predicted), _HEAD + len(kept))
    return sp.csr_array((np.asarray(values, dtype=np.float32), (rows, columns)), shape=shape)


def share(sums: Floats) -> Floats:
    """Different n-grams / n-grams, for each row of sums of ``table``; 0 of nothing."""
    occurrences, scales, n_items = np.asarray(sums[:, :_HEAD], dtype=np.float64).T
    different = (np.asarray(sums)[:, _HEAD:] > 0).sum(1) * scales / np.maximum(n_items, 1)
    return np.asarray(np.minimum(1.0, different / np.maximum(occurrences, 1)))


def _units(answer: Any) -> list[str]:
    return units(str(answer))
