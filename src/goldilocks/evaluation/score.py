"""One metric on one set of answers: the number, its interval, and its value on given resamples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from goldilocks.errors import InputError
from goldilocks.evaluation.pseudo_values import is_share, pseudo_values
from goldilocks.protocols import Floats, Metric
from goldilocks.records import Answer, Gold, Measured
from goldilocks.support.scoring.statistics import (
    bootstrap_weights,
    interval,
    jackknife_interval,
    jackknife_weights,
    normal_quantile,
    student_quantile,
    weighted_sums,
    wilson,
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
    """The metric with its interval over the choice of items (not of the training run).

    Where every item is right or wrong it is Wilson's. Else it is the percentile interval of the bootstrap, widened as
    Student's distribution is wider than the normal one, unless the draws are off the value: some metrics (how many
    different words there are) change when items occur twice, as they do in a draw. Then it is the interval of the
    jackknife, which leaves items out. It stays within the metric's range, and it has a width even where no item differs
    from another: that of Wilson's interval, the widest that a mean of values within the range can have.

    Raises:
        InputError: there are no items, or not one answer for each.
    """
    value, n = score(metric, gold, predicted), len(gold)
    worst, best = metric.RANGE
    bounded = bool(np.isfinite(best - worst))
    if bounded and is_share(pseudo_values(metric, gold, [predicted])[:, 0], metric.RANGE):
        return Measured(value, *_as_share(value, n, metric.RANGE, confidence), n, "score")
    drawn = draws(metric, gold, predicted, bootstrap_weights(n, n_draws, seed))
    if n > 1 and _bias(drawn, value):
        without = draws(metric, gold, predicted, jackknife_weights(n, seed))
        low, high = jackknife_interval(value, without, confidence)
    else:
        wider = student_quantile(n - 1, confidence) / normal_quantile(confidence) * (n / max(n - 1, 1)) ** 0.5
        low, high = (value + wider * (end - value) for end in interval(drawn, confidence))
    if bounded and high - low <= 1e-9 * (best - worst):
        low, high = _as_share(value, n, metric.RANGE, confidence)
    low, high = np.clip((min(low, value), max(high, value)), *metric.RANGE).tolist()
    return Measured(value, low, high, n, "score")


def _as_share(value: float, n: int, limits: tuple[float, float], confidence: float) -> tuple[float, float]:
    """Wilson's interval of a value within ``limits``, as if it were a share of ``n`` items."""
    worst, best = limits
    share = min(max((value - worst) / (best - worst), 0.0), 1.0)
    low, high = wilson(share * n, n, confidence)
    return worst + low * (best - worst), worst + high * (best - worst)


def draws(metric: Metric, gold: Sequence[Gold], predicted: Sequence[Answer], weights: npt.NDArray[np.uint8]) -> Floats:
    """The metric on each resample ``(n_draws,)``.

    Args:
        metric: What is measured.
        gold: The gold answers.
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
    """Draws about the value of all items, for comparisons: moved there where they are off it (see ``measured``)."""
    return drawn - _bias(drawn, value)


def _bias(drawn: Floats, value: float) -> float:
    """How far the draws are from the value on average; 0 where that can be ignored."""
    bias = float(np.mean(drawn, dtype=np.float64)) - value
    rounding = 1e-6 * max(1.0, abs(value))  # sums are in float32
    return bias if abs(bias) > BIAS_SHARE * float(np.std(drawn)) + rounding else 0.0


def item_values(metric: Metric, gold: Sequence[Gold], predicted: Sequence[Answer]) -> Floats:
    """The metric on each item alone, ``(n_items,)``."""
    items = metric.items(gold, predicted)
    return metric.total(np.asarray(items if isinstance(items, np.ndarray) else items.toarray(), dtype=np.float64))


def loss_of(metric: Metric, values: Floats | float) -> npt.NDArray[np.float64]:
    """Values of the metric as losses from 0 (best) to 1 (worst): the L of J = cost + α · L."""
    lowest, highest = metric.RANGE
    share = (np.asarray(values, dtype=np.float64) - lowest) / (highest - lowest)
    return np.asarray(1 - share if metric.HIGHER_IS_BETTER else share)


def _check(gold: Sequence[Gold], predicted: Sequence[Answer]) -> None:
    if not len(gold) or len(gold) != len(predicted):
        raise InputError(
            f"{len(gold)} gold and {len(predicted)} predicted answers; both need one entry per item, and at least one "
            "item."
        )
