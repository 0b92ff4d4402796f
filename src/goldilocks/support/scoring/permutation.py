"""A permutation test of "better than a baseline" for the selected one of many candidates."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_MAX_CELLS = 1_000_000_000
"""Draws times candidates times items at most; beyond it there are fewer draws."""
_FEWEST = 999


def selected_p(gains: npt.NDArray[np.floating], selected: int, *, draws: int = 1_999, seed: int = 0) -> float:
    """One-sided p-value that the selected candidate is no better than the baseline.

    Under the null hypothesis the baseline's answer and the candidate's may be swapped item by item, which turns the
    sign of the item's gain. The same items are swapped for all candidates, and the largest studentised gain of any
    candidate is taken, so that the p-value holds for the best of many.

    Args:
        gains: Loss of the baseline less that of each candidate, ``(n_items, n_candidates)``.
        selected: Position of the selected candidate.
        draws: Permutations; one is added for the observed one, so that the p-value is never 0.
        seed: Seed of the permutations.

    Source:
        Fisher 1935, section 21 (sign changes); Westfall & Young 1993 (the maximum over hypotheses).

    Example: better on each of 10 items: only 1 of 1,024 sign patterns is as good.
        >>> selected_p(np.ones((10, 1)), 0) < 0.005
        True
        >>> selected_p(np.zeros((10, 1)), 0)
        1.0
    """
    table = np.asarray(gains, dtype=np.float32)
    scale = np.sqrt(np.einsum("ik,ik->k", table, table, dtype=np.float64))
    scaled = np.divide(table, scale, out=np.zeros_like(table), where=scale > 0).astype(np.float32)
    observed = float(scaled[:, selected].sum(dtype=np.float64))
    if observed <= 0:
        return 1.0
    n_items = len(scaled)
    draws = min(draws, max(_MAX_CELLS // max(table.size, 1), _FEWEST))
    rng = np.random.default_rng(seed)
    as_good = 0
    for start in range(0, draws, 500):
        signs = rng.integers(0, 2, (min(500, draws - start), n_items), dtype=np.int8).astype(np.float32) * 2 - 1
        as_good += int(((signs @ scaled).max(axis=1) >= observed - 1e-4).sum())
    return (1 + as_good) / (draws + 1)
