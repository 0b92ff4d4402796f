"""Learning-rate range test: the rate climbs exponentially over some steps, and the loss tells which rates train.

Source: Smith 2017, "Cyclical Learning Rates for Training Neural Networks", section 3.3. The paper reads the bounds off
a plot; as is common we take a tenth of the rate at which the smoothed loss is lowest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from goldilocks.records import TrainingConfig
from goldilocks.tuning.loop import Learner

STEPS = 60
LOWEST, HIGHEST = 0.01, 100.0
"""Factors on the rates of the config, from the first step to the last."""
_SMOOTHING = 0.9
_NOISE = 0.95
"""Falling to this share of the first loss counts as training."""
_DIVERGED = 4.0
"""The test ends where the smoothed loss is this many times the lowest."""


@dataclass(frozen=True, slots=True)
class RateRange:
    """Result of a range test."""

    factors: tuple[float, ...]
    """Factor on the rates at each step."""
    losses: tuple[float, ...]
    """Smoothed training loss at each step."""
    best: float
    """Factor that is suggested."""


def rate_range_test(learner: Learner, *, steps: int = STEPS) -> RateRange:
    """Find the factor by which both learning rates of a config should be multiplied.

    Args:
        learner: Untrained; of no use afterwards.
        steps: Maximum number of training steps.
    """
    factors: list[float] = []
    losses: list[float] = []
    average = 0.0
    learner.begin_training()
    for number, rows in zip(range(steps), _batches(learner), strict=False):
        factor = LOWEST * (HIGHEST / LOWEST) ** (number / max(1, steps - 1))
        learner.train_batch(rows, factor)
        loss = math.inf if learner.last_loss is None else float(learner.last_loss)
        if not math.isfinite(loss):
            break
        average = _SMOOTHING * average + (1 - _SMOOTHING) * loss
        factors.append(factor)
        losses.append(average / (1 - _SMOOTHING ** (number + 1)))
        if losses[-1] > _DIVERGED * min(losses):
            break
    return RateRange(tuple(factors), tuple(losses), _suggested(factors, losses))


def _suggested(factors: list[float], losses: list[float]) -> float:
    if not losses:
        return LOWEST  # not even the first loss was finite
    if min(losses) > _NOISE * losses[0]:
        return 1.0  # no rate trains in so few steps: the test says nothing
    return factors[int(np.argmin(losses))] / 10


def with_tested_rates(config: TrainingConfig, factor: float) -> TrainingConfig:
    """The config with both rates multiplied, and the test done."""
    return replace(
        config,
        learning_rate=config.learning_rate * factor,
        head_learning_rate=config.head_learning_rate * factor,
        rate_test=False,
    )


def _batches(learner: Learner) -> Iterator[list[int]]:
    for epoch in count():
        yield from learner.batches(epoch)
