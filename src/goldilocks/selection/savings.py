"""Expected savings of purchases in closed form: the expected decrease of the lowest E[J].

A candidate's loss is log-normal (``selection/loss_posterior.py``), its J is cost + alpha * loss, and the best finished
candidate's J is known. All arrays broadcast.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

if TYPE_CHECKING:
    from goldilocks.selection.loss_posterior import Posterior

Floats = npt.NDArray[np.float64]

_MIN_WEIGHT = 1e-3
"""A scale of the spreads that is less probable is left out of the savings."""

_POINTS = 48
"""Points of the integral over J: 48 keep ``expected_best`` within 1 % of a fine grid."""
_SPREADS = 6.0
"""How many standard deviations below the mean the integral begins."""


def shortfall(bar: Floats, location: Floats, spread: Floats) -> Floats:
    """E[max(0, bar - min(L, 1))] for log L ~ N(location, spread**2).

    Example: a loss of .1 for sure, against a bar of .3
        >>> round(float(shortfall(np.array(0.3), np.log(0.1), np.array(1e-9))), 6)
        0.2

    Source:
        The price of a put option (Black & Scholes 1973); expected improvement for a log-normal (Jones et al. 1998).
    """
    return shortfall_and_chance(bar, location, spread)[0]


def shortfall_and_chance(bar: Floats, location: Floats, spread: Floats) -> tuple[Floats, Floats]:
    """``shortfall`` and ``chance_below``, which share their most expensive part."""
    beyond = np.maximum(bar - 1.0, 0.0)  # a loss never exceeds 1
    strike = np.clip(bar, 1e-300, 1.0)
    spread = np.maximum(spread, 1e-9)
    d = (np.log(strike) - location) / spread
    below = ndtr(d)
    put = strike * below - np.exp(np.minimum(location + spread**2 / 2, 50.0)) * ndtr(d - spread)
    money = np.where(bar > 0, beyond + np.maximum(put, 0.0), 0.0)
    return np.asarray(money), np.where(bar >= 1, 1.0, np.where(bar > 0, below, 0.0))


def chance_below(bar: Floats, location: Floats, spread: Floats) -> Floats:
    """P(L < bar) for log L ~ N(location, spread**2)."""
    d = (np.log(np.maximum(bar, 1e-300)) - location) / np.maximum(spread, 1e-9)
    return np.asarray(np.where(bar >= 1, 1.0, np.where(bar > 0, ndtr(d), 0.0)))


def expected_loss(mean: Floats, variance: Floats) -> Floats:
    """E[min(L, 1)] for log L ~ N(mean, variance)."""
    spread = np.sqrt(np.maximum(variance, 1e-18))
    below = np.exp(np.minimum(mean + variance / 2, 50.0)) * ndtr((-mean - variance) / spread)
    return np.asarray(below + ndtr(mean / spread))


def expected_best(best: float, costs: Floats, alpha: float, mean: Floats, spread: Floats) -> float:
    """E[max(0, best - min J)] over independent candidates with J = cost + alpha * L and log L ~ N(mean, spread**2).

    Args:
        best: J of the best finished candidate.
        costs: Money per month, ``(n,)``.
        alpha: Money per month that a loss of 1 costs.
        mean: ``(n,)``.
        spread: ``(n,)``.

    Example: one candidate that surely costs 20 less
        >>> one = np.array([1.0])
        >>> round(expected_best(100.0, 30 * one, 100.0, np.log(0.5 * one), 1e-6 * one))  # 19.8: see _POINTS
        20
    """
    if len(costs) == 0:
        return 0.0
    lowest = float(np.min(costs + alpha * np.exp(mean - _SPREADS * spread)))
    if lowest >= best:
        return 0.0
    levels = np.linspace(lowest, best, _POINTS)
    above = 1 - chance_below((levels[:, None] - costs) / alpha, mean, spread)
    return float(np.trapezoid(1 - above.prod(axis=1), levels))


def at_each_rung(posterior: Posterior, bar: Floats, shares: Sequence[float]) -> tuple[Floats, Floats]:
    """Expected shortfall, and probability of a loss below the bar, once each rung is bought; ``(n, rungs)`` each.

    Args:
        posterior: Posterior of the losses of all candidates.
        bar: Loss below which a candidate would be better than the best finished one, ``(n,)``.
        shares: Shares of a full run at the rungs.
    """
    likely = posterior.weights > _MIN_WEIGHT
    weights = posterior.weights[likely]
    means, variances = (values[likely] for values in posterior.by_scale())
    losses, chances = (np.zeros((len(bar), len(shares))) for _ in range(2))
    for rung, share in enumerate(shares):
        step = posterior.foresight(share, likely)
        loss, chance = shortfall_and_chance(bar, means + (variances - step**2) / 2, step)
        losses[:, rung], chances[:, rung] = weights @ loss, weights @ chance
    return losses, chances


def at_the_end(
    posterior: Posterior, bar: Floats, places: npt.NDArray[np.intp], lacking: Floats
) -> tuple[Floats, Floats]:
    """``at_each_rung`` of the ends of shorter runs, of some candidates; ``(n_places,)`` each.

    Args:
        posterior: Of the losses of all candidates.
        bar: As for ``at_each_rung``.
        places: Candidates.
        lacking: Log loss by which these runs are expected to end above their full schedule, ``(n_places,)``.
    """
    likely = posterior.weights > _MIN_WEIGHT
    weights = posterior.weights[likely]
    means, variances = (values[likely][:, places] for values in posterior.by_scale())
    step = posterior.foresight(1.0, likely)[:, places]
    loss, chance = shortfall_and_chance(bar[places], means + lacking + (variances - step**2) / 2, step)
    return weights @ loss, weights @ chance
