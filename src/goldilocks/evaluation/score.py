"""One metric on one set of answers: the number, its interval, and its value on given resamples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from goldilocks.errors import InputError
from goldilocks.protocols import Floats, Metric
from goldilocks.records import Answer, Gold, Measured
from goldilocks.support.scoring.statistics import (
    bootstrap_weights,
    interval,
    jackknife_interval,
    jackknife_weights,
    weighted_sums,
)

BIAS_SHARE = 0.25
"""Bias of the draws, in their standard deviations, that is ignored (Efron & Tibshirani 1993, section 10.3)."""


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
    """The metric with its interval over the choice of items (not of the training run); of one item it is the point.

    The percentile interval of the bootstrap, unless the draws are biased: some metrics (the number of different
    words) change when items are repeated, as they are in a resample. Then it is the interval of the jackknife,
    which leaves items out, within the metric's range.

    Raises:
        InputError: there are no items, or not one answer for each.
    """
    value = score(metric, gold, predicted)
    drawn = draws(metric, gold, predicted, bootstrap_weights(len(gold), n_draws, seed))
    if len(gold) > 1 and _bias(drawn, value):
        without = draws(metric, gold, predicted, jackknife_weights(len(gold), seed))
        low, high = np.clip(jackknife_interval(value, without, confidence), *metric.RANGE).tolist()
    else:
        low, high = interval(drawn, confidence)
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


def centred(drawn: Floats, value: float) -> Floats:
    """Draws about the value of all items, for comparisons: moved there where they lie beside it (see ``measured``)."""
    return drawn - _bias(drawn, value)


def _bias(drawn: Floats, value: float) -> float:
    """How far the draws lie from the value on average; 0 where that can be ignored."""
    bias = float(np.mean(drawn, dtype=np.float64)) - value
    rounding = 1e-6 * max(1.0, abs(value))  # sums are in float32
    return bias if abs(bias) > BIAS_SHARE * float(np.std(drawn)) + rounding else 0.0


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
