"""Is one model better than another on the same items, and could that be chance?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from goldilocks.errors import InputError
from goldilocks.evaluate.score import draws, losses, score
from goldilocks.protocols import Metric
from goldilocks.records import Measured
from goldilocks.support.statistics import bootstrap_p, bootstrap_weights, interval, mcnemar_exact

FEW = 25
"""With fewer items on which just one of the two is right, the exact test is used."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on the same items."""

    gap: Measured
    """How much better the first is, in the metric (positive: better, also for an error rate)."""
    p_value: float
    """Two-sided, of "they are equally good"; not yet adjusted for other comparisons (``statistics.holm``)."""
    test: str
    """``exact McNemar`` or ``paired bootstrap``."""
    only_first: int
    """Items the first has right and the second wrong."""
    only_second: int


def compare(
    metric: Metric,
    gold: Sequence[str],
    first: Sequence[str],
    second: Sequence[str],
    *,
    seed: int = 0,
    n_draws: int = 2000,
    confidence: float = 0.95,
) -> Comparison:
    """The gap between two models' answers to the same items.

    Items are resampled and both models scored on each draw, so a hard item counts against both. Where the models differ
    in being right on fewer than 25 items, resampling says little, and the p-value is that of the exact McNemar test (of
    accuracy, whatever the metric).

    Raises:
        InputError: there are fewer than 2 items or not one answer of each model for each.
    """
    if len(gold) < 2:
        raise InputError(f"{len(gold)} items; comparing needs at least 2.")
    wrong_first, wrong_second = losses(gold, first), losses(gold, second)
    only_first, only_second = int(np.sum(wrong_first < wrong_second)), int(np.sum(wrong_first > wrong_second))
    sign = 1 if metric.HIGHER_IS_BETTER else -1
    weights = bootstrap_weights(len(gold), n_draws, seed)
    gaps = sign * (draws(metric, gold, first, weights) - draws(metric, gold, second, weights))
    value = sign * (score(metric, gold, first) - score(metric, gold, second))
    exact = only_first + only_second < FEW
    return Comparison(
        gap=Measured(value, *interval(gaps, confidence), len(gold), "score"),
        p_value=mcnemar_exact(only_first, only_second) if exact else bootstrap_p(gaps),
        test="exact McNemar" if exact else "paired bootstrap",
        only_first=only_first,
        only_second=only_second,
    )
