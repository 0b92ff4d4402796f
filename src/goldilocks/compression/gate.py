"""Non-inferiority: whether a compressed model is worse than the original by less than a stated margin.

Both answer the same rows. The margin is compared with the one-sided 95% bound of the metric's loss, not with the loss
that was seen: few rows, or many changed answers, widen the bound, and the model fails although it may be as good.

Where every row is right or wrong (accuracy), the bound is Tango's score bound for the difference of paired shares.
Else it is the 95% quantile of the paired bootstrap, and never below Tango's bound for no changed row among n, which is
z² / (n + z²): 0 changes among 100 rows still leave room for a loss of 2.6 points.

Sources: Tango 1998, "Equivalence test and confidence interval for the difference in proportions for the paired-sample
design", Statistics in Medicine 17; Koehn 2004 (paired bootstrap).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, sqrt

import numpy as np

from goldilocks.evaluation.pseudo_values import is_share
from goldilocks.evaluation.score import centred, draws, item_values, score
from goldilocks.protocols import Floats, Metric
from goldilocks.records import Answer, Gold, Measured
from goldilocks.support.scoring.statistics import bootstrap_weights, interval, normal_quantile, wilson

CONFIDENCE = 0.95
"""Confidence level of the one-sided bound."""
_TWO_SIDED = 2 * CONFIDENCE - 1
_DRAWS = 2_000
_ALIKE = 1e-3
"""Numbers closer than this are the same answer (as ``goldilocks verify`` has it)."""


def paired_loss(
    metric: Metric, gold: Sequence[Gold], original: Sequence[Answer], compressed: Sequence[Answer], *, seed: int = 0
) -> Measured:
    """By how much the metric of the compressed model is worse, with its one-sided 95% bounds ``low`` and ``high``.

    Args:
        metric: What decides.
        gold: The gold answers.
        original: Answers of the original, one for each row.
        compressed: Answers of the compressed model, same rows in the same order.
        seed: Seed of the resampling.
    """
    sign = 1.0 if metric.HIGHER_IS_BETTER else -1.0
    n = len(gold)
    before, after = score(metric, gold, original), score(metric, gold, compressed)
    loss = sign * (before - after)
    lowest, highest = metric.RANGE
    bounded = bool(np.isfinite(highest - lowest))
    if bounded:
        values = [item_values(metric, gold, answers) for answers in (original, compressed)]
        concatenated = np.concatenate(values)
        mean = all(np.isclose(value.mean(), total) for value, total in zip(values, (before, after), strict=True))
        if mean and is_share(concatenated, metric.RANGE):
            low, high = _tango_of_items(sign * values[0], sign * values[1])
            width = highest - lowest
            return Measured(loss, low * width, high * width, n, "loss")
    weights = bootstrap_weights(n, _DRAWS, seed)
    drawn = [
        centred(draws(metric, gold, answers, weights), value)
        for answers, value in ((original, before), (compressed, after))
    ]
    low, high = interval(sign * (drawn[0].astype(np.float64) - drawn[1]), _TWO_SIDED)
    if bounded:
        minimum = tango_bound(0, 0, n) * (highest - lowest)
        low, high = (low if high > low else -minimum), max(high, minimum)
    return Measured(loss, min(low, loss), max(high, loss), n, "loss")


def _tango_of_items(original: Floats, compressed: Floats) -> tuple[float, float]:
    worse, better, n = int((compressed < original).sum()), int((compressed > original).sum()), len(original)
    return -tango_bound(better, worse, n), tango_bound(worse, better, n)


def tango_bound(worse: int, better: int, n: int) -> float:
    """Upper one-sided 95% bound of the share of rows that got worse less the share that got better.

    Args:
        worse: Rows that the original has right and the compressed model wrong.
        better: The reverse.
        n: All rows.

    Example:
        >>> round(tango_bound(0, 0, 100), 4), round(tango_bound(5, 2, 100), 4)
        (0.0263, 0.0823)
    """
    z = normal_quantile(_TWO_SIDED)
    low, high = (worse - better) / n, 1.0
    for _ in range(60):  # bisection: the statistic falls as the difference rises
        middle = (low + high) / 2
        if _tango_statistic(worse, better, n, middle) > -z:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _tango_statistic(worse: int, better: int, n: int, difference: float) -> float:
    linear = -worse - better + (2 * n - worse + better) * difference
    constant = -better * difference * (1 - difference)
    share = (sqrt(max(linear**2 - 8 * n * constant, 0.0)) - linear) / (4 * n)
    spread = sqrt(max(n * (2 * share + difference * (1 - difference)), 1e-300))
    return (worse - better - n * difference) / spread


def fewest_rows(max_loss: float) -> int:
    """Rows that are needed to pass with no answer changed.

    Example:
        >>> fewest_rows(0.01)
        268
    """
    z = normal_quantile(_TWO_SIDED)
    return ceil(z**2 * (1 - max_loss) / max_loss)


def changed_share(original: Sequence[Answer], compressed: Sequence[Answer]) -> Measured:
    """Share of rows whose answer is another one, with its 95% interval."""
    changed = sum(not _same(answer, other) for answer, other in zip(original, compressed, strict=True))
    return Measured(changed / len(original), *wilson(changed, len(original)), len(original), "share")


def _same(answer: Answer, other: Answer) -> bool:
    if isinstance(answer, float) and isinstance(other, float):
        return abs(answer - other) <= _ALIKE
    if isinstance(answer, tuple) and isinstance(other, tuple) and answer and isinstance(answer[0], float):
        if len(answer) != len(other):
            return False
        return bool(np.allclose(np.asarray(answer), np.asarray(other), atol=_ALIKE, rtol=0))
    return answer == other
