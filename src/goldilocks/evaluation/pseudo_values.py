"""Jackknife pseudo-values: the contribution of each item to a metric, so that any metric can be treated as a mean.

The pseudo-value of an item is n times the metric of all items minus (n - 1) times the metric without the item. For a
metric that is a mean of items (accuracy) it is exactly the value of the item; for others (macro F1) it is the
first-order approximation, and the variance of its mean is that of the metric (Tukey 1958, the jackknife). A table of
them, items against candidates, makes the resampling of a thousand candidates one matrix product.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from goldilocks.protocols import Floats, Metric
from goldilocks.records import Answer, Gold
from goldilocks.support.scoring.statistics import jackknife_weights, weighted_sums

MAX_CELLS = 5_000_000
"""Items times columns of a metric's table; beyond it, groups of items take the place of items."""


def pseudo_values(
    metric: Metric, gold: Sequence[Gold], answers: Sequence[Sequence[Answer]], *, seed: int = 0
) -> npt.NDArray[np.float64]:
    """The contribution of each item (or group of items) to the metric, for each candidate.

    Args:
        metric: What is measured.
        gold: The gold answers.
        answers: Answers of each candidate, one to each item.
        seed: Seed of the groups, where there are any; they are the same for all candidates.

    Returns:
        Shape ``(n_items, n_candidates)``, in the unit of the metric. Where the metric needs a wide table (a column for
        each word that occurs), at most 500 rows, each of a group of items.
    """
    n = len(gold)
    columns: list[Floats] = []
    for candidate in answers:
        contribution = _of_items(metric, gold, candidate)
        if contribution is None:  # too wide: groups instead, for every candidate
            weights = jackknife_weights(n, seed)
            return np.stack([_of_groups(metric, gold, answer, weights) for answer in answers], axis=1)
        columns.append(contribution)
    return np.stack(columns, axis=1)


def _of_items(metric: Metric, gold: Sequence[Gold], predicted: Sequence[Answer]) -> npt.NDArray[np.float64] | None:
    table = metric.items(gold, predicted)
    n = len(gold)
    if n > 1 and n * table.shape[1] > MAX_CELLS:
        return None
    dense = np.asarray(table if isinstance(table, np.ndarray) else table.toarray(), dtype=np.float64)
    total = dense.sum(axis=0, keepdims=True)
    value = np.asarray(metric.total(total), dtype=np.float64)
    if n == 1:
        return value
    return np.asarray(n * value - (n - 1) * metric.total(total - dense), dtype=np.float64)


def _of_groups(
    metric: Metric, gold: Sequence[Gold], predicted: Sequence[Answer], weights: npt.NDArray[np.uint8]
) -> npt.NDArray[np.float64]:
    table = metric.items(gold, predicted)
    total = np.asarray(table.sum(axis=0), dtype=np.float64).reshape(1, -1)
    value, groups = float(metric.total(total)[0]), len(weights)
    without = np.asarray(metric.total(weighted_sums(weights, table)), dtype=np.float64)
    return groups * value - (groups - 1) * without


def is_share(values: Floats, limits: tuple[float, float]) -> bool:
    """Whether every value is the best or the worst there is, so that their mean is a share of items."""
    worst, best = limits
    slack = 1e-6 * (best - worst)
    return bool((np.minimum(np.abs(values - worst), np.abs(values - best)) <= slack).all())
