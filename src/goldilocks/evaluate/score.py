"""One metric on one set of answers: the number, its interval, and its value on given resamples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from goldilocks.errors import InputError
from goldilocks.protocols import Floats, Metric
from goldilocks.records import Answer, Gold, Measured
from goldilocks.support.statistics import bootstrap_weights, interval, weighted_sums


def score(metric: Metric, gold: Sequence[Gold], predicted: Sequence[Answer]) -> float:
    """The metric over all items.

    Raises:
        InputError: there are no items, or not one answer for each.
    """
    _check(gold, predicted)
    sums = np.asarray(metric.items(gold, predicted).sum(axis=0), dtype=np.float64).reshape(1, -1)
    return float(metric.total(sums)[0])


def measured(
    metric: Metric,
    gold: Sequence[Gold],
    predicted: Sequence[Answer],
    *,
    n_draws: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Measured:
    """The metric with its percentile interval over resampled items.

    The interval covers the choice of items, not of the training run. With one item it is as wide as the point.

    Raises:
        InputError: there are no items, or not one answer for each.
    """
    value = score(metric, gold, predicted)
    low, high = interval(draws(metric, gold, predicted, bootstrap_weights(len(gold), n_draws, seed)), confidence)
    return Measured(value, low, high, len(gold), "score")


def draws(metric: Metric, gold: Sequence[Gold], predicted: Sequence[Answer], weights: npt.NDArray[np.uint8]) -> Floats:
    """The metric on each resample ``(n_draws,)``.

    Args:
        metric: What is measured.
        gold: The right answers.
        predicted: The model's answers, same items in the same order.
        weights: From ``statistics.bootstrap_weights``; the same table for every model makes their scores paired.

    Raises:
        InputError: there are no items, not one answer for each, or the weights are for another number of items.
    """
    _check(gold, predicted)
    if weights.shape[1] != len(gold):
        raise InputError(f"weights are for {weights.shape[1]} items, there are {len(gold)}; draw them for these items.")
    return metric.total(weighted_sums(weights, metric.items(gold, predicted)))


def item_values(metric: Metric, gold: Sequence[Gold], predicted: Sequence[Answer]) -> Floats:
    """The metric on each item by itself, ``(n_items,)``."""
    found = metric.items(gold, predicted)
    return metric.total(np.asarray(found if isinstance(found, np.ndarray) else found.toarray(), dtype=np.float64))


def loss_of(metric: Metric, values: Floats | float) -> npt.NDArray[np.float64]:
    """Values of the metric as losses from 0 (best) to 1 (worst): the L of J = cost + α · L."""
    lowest, highest = metric.RANGE
    share = (np.asarray(values, dtype=np.float64) - lowest) / (highest - lowest)
    return np.asarray(1 - share if metric.HIGHER_IS_BETTER else share)


def _check(gold: Sequence[Gold], predicted: Sequence[Answer]) -> None:
    if not len(gold) or len(gold) != len(predicted):
        raise InputError(
            f"{len(gold)} gold and {len(predicted)} predicted answers; pass one of each for at least one item."
        )
