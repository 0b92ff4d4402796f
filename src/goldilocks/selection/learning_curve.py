"""What twice the labels would do to a loss: a power law of the training rows, ``loss ~ rows ** -b``.

The exponent has a prior from other data (``benchmarks/learning_curves.py``). Where a refit on half of the rows was
affordable, the losses on both sizes correct it. The exponent of the next doubling differs from that of the last one,
which the records of other data show too and which widens the interval.

Source: Hestness et al. 2017, "Deep learning scaling is predictable, empirically" (power laws, their exponents).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldilocks.protocols import Floats

EXPONENT, EXPONENT_SPREAD = 0.33, 0.26
"""Mean and standard deviation of the exponent from one data set and model to the next, over two collections; see
``benchmarks/results/learning_curves.json``."""
NEXT_SPREAD = 0.22
"""Standard deviation of the next doubling's exponent about that of the last one; from the same records."""


@dataclass(frozen=True, slots=True)
class HalfRows:
    """The winner's loss after training on half of the rows."""

    loss: float
    full_loss: float
    """After training on all of them, on the same items."""
    error: float
    """Standard deviation of the logarithm of the ratio of the two by items and training seeds."""


@dataclass(frozen=True, slots=True)
class Exponent:
    """Normal distribution of the exponent of the next doubling of the rows; it is taken to be at least 0."""

    mean: float
    spread: float

    def factors(self, n_draws: int, seed: int = 0) -> npt.NDArray[np.float64]:
        """Draws of what twice the rows multiply a loss by, ``(n_draws,)``, each at most 1."""
        drawn = self.mean + self.spread * np.random.default_rng(seed).standard_normal(n_draws)
        return np.asarray(2.0 ** -np.maximum(drawn, 0.0))


def exponent(half: HalfRows | None) -> Exponent:
    """The exponent of the next doubling.

    Args:
        half: What half of the rows led to; ``None``: not measured, so the prior stands.

    Example: a loss of .2 after half of the rows and of .15 after all of them, each known exactly, is .415 per doubling
        >>> round(exponent(HalfRows(0.2, 0.15, 1e-9)).mean, 3)
        0.415
    """
    if half is None:
        return Exponent(EXPONENT, math.hypot(EXPONENT_SPREAD, NEXT_SPREAD))
    seen = math.log(half.loss / half.full_loss) / math.log(2)
    noise = max(half.error / math.log(2), 1e-6)
    weight = EXPONENT_SPREAD**2 / (EXPONENT_SPREAD**2 + noise**2)
    spread = math.sqrt(weight) * noise
    return Exponent(EXPONENT + weight * (seen - EXPONENT), math.hypot(spread, NEXT_SPREAD))


def half_rows(half: Floats, full: Floats, seed_spread: float) -> HalfRows:
    """The two losses, with the error of their ratio.

    Args:
        half: Losses of the items after half of the rows, ``(n_items,)``.
        full: After all rows, of the same items.
        seed_spread: Standard deviation of the log loss from seed to seed; 0 where training is deterministic.
    """
    n = len(full)
    minimum = 0.5 / max(n, 1)  # no loss is taken to be below half an item
    losses = max(float(half.mean()), minimum), max(float(full.mean()), minimum)
    influence = half / losses[0] - full / losses[1]  # delta method, paired
    # Few errors say less than their own spread: at least that of half an item more or less.
    items = max(float(influence.std()) / math.sqrt(max(n, 1)), minimum / losses[1])
    return HalfRows(*losses, math.hypot(items, math.sqrt(2) * seed_spread))
