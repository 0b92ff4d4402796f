"""Joint posterior of final losses: of finished candidates from their answers, of the others from what they share.

Under each scale of the race's prior (``loss_posterior``) the logarithms of all final losses are Gaussian before any of
them was measured. A finished candidate's loss measures its own with two errors: by the choice of items, correlated
between candidates that err on the same items, and by the training seed, whose spread is not known well. Conditioning on
all of them at once draws a lucky candidate towards what its family, group and model are known for, and moves the
forecasts of the others with it: a validation part that is easy was easy for all of them.

The rungs of a finished candidate were scored on the same items and with the same seed as its end, so they would count
the same luck again: of these only the distance to the end is used, which tells how far the rung is off for others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from goldilocks.selection.seeds import SeedSpread

Floats = npt.NDArray[np.floating[Any]]

_ITERATIONS = 8
_DAMPED_FROM = 2
"""Iterations after which a step goes half of its way, so that the noise, which depends on the level, settles."""
_HIGHEST = 0.95
"""Level above which the noise of a share, which vanishes at 1, is taken as there."""
_FURTHEST = 1.5
"""How far, in logarithms, a measured loss may be above its level in the linearised likelihood."""
_STEPS = (-2.0, -1.0, 0.0, 1.0, 2.0)
"""Grid of the spread by the training seed, in standard deviations of its logarithm."""
_CORRELATION = 0.5
"""Correlation of the errors of candidates whose answers are all right, which cannot be estimated from them."""


@dataclass(frozen=True, slots=True)
class LossPrior:
    """What is known of log final losses before any of them was measured: a mixture of Gaussians over the scales."""

    names: tuple[str, ...]
    """The candidates, finished or not."""
    log_weights: npt.NDArray[np.float64]
    """Log probability of each scale, ``(n_scales,)``."""
    means: npt.NDArray[np.float64]
    """``(n_scales, n_names)``."""
    covariances: npt.NDArray[np.float64]
    """``(n_scales, n_names, n_names)``."""


@dataclass(frozen=True, slots=True)
class MeasuredLosses:
    """Losses of finished candidates on the same items."""

    places: npt.NDArray[np.int64]
    """Where they are among the names of the prior, ``(n,)``."""
    losses: npt.NDArray[np.float64]
    """Means over items and seeds, ``(n,)``."""
    noise: Floats
    """Resampled errors by the choice of items, ``(n_draws, n)``."""
    seeds: npt.NDArray[np.int64]
    """Training seeds that each is the mean of; 0: it does not depend on the seed, ``(n,)``."""
    seed_spread: SeedSpread
    """How far losses vary from seed to seed."""
    n_items: int
    bounded: bool
    """Whether losses are between 0 and 1: their variance is then that of a share, else proportional to them."""


def joint_draws(
    prior: LossPrior, measured: MeasuredLosses, n_draws: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Draws of all final losses from their joint posterior, ``(n_draws, n_names)``.

    The likelihood of a run's loss is linearised in its logarithm at the posterior mean, found by iteration: a measured
    loss of 0 is then no evidence of a loss of 0.

    Args:
        prior: Prior of all candidates.
        measured: At least one.
        n_draws: Draws.
        rng: Random generator of the draws.

    Source:
        Breslow & Clayton 1993 (penalised quasi-likelihood) for a log link.
    """
    ratio, correlation = _of_items(measured)
    at = measured.places
    posteriors, log_weights = [], []
    for scale, (spread, weight) in product(range(len(prior.log_weights)), _spreads(measured.seed_spread)):
        mean, covariance = prior.means[scale], prior.covariances[scale]
        by_seed = np.where(measured.seeds > 0, spread**2 / np.maximum(measured.seeds, 1), 0.0)
        runs = covariance[np.ix_(at, at)] + np.diag(by_seed)  # of the runs that were measured
        level = np.log(np.maximum(measured.losses, 0.5 / measured.n_items))
        for iteration in range(_ITERATIONS):
            working, noise = _linearised(measured, level, ratio, correlation)
            surprise, total = working - mean[at], runs + noise
            gain = np.linalg.solve(total, surprise)
            step = mean[at] + runs @ gain - level
            level = level + (step if iteration < _DAMPED_FROM else step / 2)
        evidence = -0.5 * (np.linalg.slogdet(total)[1] + surprise @ gain)
        log_weights.append(prior.log_weights[scale] + weight + evidence)
        across = covariance[:, at]
        posteriors.append((mean + across @ gain, covariance - across @ np.linalg.solve(total, across.T)))
    weights = np.exp(np.array(log_weights) - max(log_weights))
    chosen = rng.choice(len(weights), size=n_draws, p=weights / weights.sum())
    normal = rng.standard_normal((n_draws, len(prior.names)))
    drawn = np.empty((n_draws, len(prior.names)))
    for number in np.unique(chosen).tolist():
        rows = chosen == number
        mean, covariance = posteriors[number]
        drawn[rows] = mean + normal[rows] @ _root(covariance).T
    return np.asarray(np.exp(drawn))


def _spreads(known: SeedSpread) -> list[tuple[float, float]]:
    """Possible spreads by the training seed, with their log probabilities.

    The logarithm of a standard deviation with this many degrees of freedom has one of 1 / sqrt(2 * freedom).
    """
    off = (2 * max(known.freedom, 1.0)) ** -0.5
    return [(known.relative * float(np.exp(off * step)), -(step**2) / 2) for step in _STEPS]


def _of_items(measured: MeasuredLosses) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """How many times each candidate's variance is that of its level alone, and the correlations of their errors."""
    errors = measured.noise - measured.noise.mean(axis=0)
    covariance = np.asarray(errors.T @ errors, dtype=np.float64) / len(errors)
    spread = np.sqrt(np.diag(covariance))
    known = spread > 0
    ratio = np.ones(len(spread))
    ratio[known] = spread[known] ** 2 / _variance(np.maximum(measured.losses[known], 0.5 / measured.n_items), measured)
    if known.any():
        ratio[~known] = np.median(ratio[known])
    correlation = covariance / np.outer(np.where(known, spread, 1.0), np.where(known, spread, 1.0))
    pairs = correlation[np.ix_(known, known)][np.triu_indices(int(known.sum()), 1)]
    typical = float(np.mean(pairs)) if len(pairs) else _CORRELATION
    correlation[~known, :] = correlation[:, ~known] = min(max(typical, 0.0), 0.99)
    np.fill_diagonal(correlation, 1.0)
    return ratio, correlation


def _variance(losses: npt.NDArray[np.float64], measured: MeasuredLosses) -> npt.NDArray[np.float64]:
    """Variance of a mean loss at a level, up to a factor."""
    left = 1 - np.minimum(losses, _HIGHEST) if measured.bounded else 1.0
    return np.asarray(losses * left / measured.n_items)


def _linearised(
    measured: MeasuredLosses,
    level: npt.NDArray[np.float64],
    ratio: npt.NDArray[np.float64],
    correlation: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Working log losses, and the covariance of their errors by the choice of items, at a level of the log losses."""
    loss = np.exp(np.minimum(level, np.log(_HIGHEST)) if measured.bounded else level)
    loss = np.maximum(loss, 0.25 / measured.n_items)
    working = np.log(loss) + np.clip((measured.losses - loss) / loss, -1.0, _FURTHEST)
    error = np.sqrt(ratio * _variance(loss, measured)) / loss
    return working, correlation * np.outer(error, error)


def _root(covariance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """A matrix whose product with its transpose is the covariance; rounding may have made that indefinite."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def contenders(expected: Sequence[float] | Floats, limit: int) -> npt.NDArray[np.int64]:
    """Positions of the lowest expected values, at most ``limit``, in order of position."""
    return np.sort(np.argsort(np.asarray(expected), kind="stable")[:limit])
