"""Spearman's ρ: rank correlation between predicted and gold scores (Pearson's r of the ranks).

Equal values share the mean of their ranks. Ranks change with the items, so every resample is ranked again; an item
therefore adds its own columns: how often it was drawn, and, times that, where both its values are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from goldilocks.protocols import Floats
from goldilocks.records import Output

if TYPE_CHECKING:
    import scipy.sparse as sp

OUTPUTS = frozenset({Output.SCORE})
HIGHER_IS_BETTER = True
RANGE = (-1.0, 1.0)
SOURCE = "Spearman 1904 with midranks for ties, as scipy.stats.spearmanr; 0 where that is undefined."
EXAMPLES = (
    ((0.0, 1.0, 2.0), (1.0, 10.0, 100.0), 1.0),
    # ranks 1 2 3 4 against 1 2 4 3: 1 - 6 · 2 / (4 · 15)
    ((1.0, 2.0, 3.0, 4.0), (1.0, 2.0, 9.0, 5.0), 0.8),
    ((1.0, 2.0), (3.0, 3.0), 0.0),
)


def items(gold: Sequence[float], predicted: Sequence[float]) -> sp.csr_array:
    """``(n_items, 3 · n_items)``: for each item 1, the place of its right value, the place of the predicted one."""
    import scipy.sparse as sp

    n = len(gold)
    rows = np.arange(n)
    values = np.concatenate([np.ones(n), _places(gold), _places(predicted)]).astype(np.float32)
    where = np.concatenate([rows, rows, rows]), np.concatenate([rows, rows + n, rows + 2 * n])
    return sp.csr_array((values, where), shape=(n, 3 * n))


def _places(values: Sequence[float]) -> npt.NDArray[np.int64]:
    """From 1; equal values have one place."""
    return np.unique(np.asarray(values, dtype=np.float64), return_inverse=True)[1].reshape(-1) + 1


def total(sums: Floats) -> Floats:
    """The rank correlation, for each row of ``sums``."""
    return np.array([_one(*np.split(row, 3)) for row in np.asarray(sums, dtype=np.float64)])


def _one(times: Floats, first: Floats, second: Floats) -> float:
    drawn = times > 0
    times = times[drawn]
    first_places, second_places = (
        _ranks(times, np.rint(side[drawn] / times).astype(np.int64)) for side in (first, second)
    )
    spread = float((times * first_places**2).sum() * (times * second_places**2).sum())
    return float((times * first_places * second_places).sum() / spread**0.5) if spread > 1e-9 else 0.0


def _ranks(times: Floats, places: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Midranks of items that were drawn ``times`` each, less their mean."""
    counts = np.bincount(places, weights=times)
    ranks = np.cumsum(counts) - counts / 2
    centred_ranks: npt.NDArray[np.float64] = ranks[places] - times.sum() / 2
    return centred_ranks
