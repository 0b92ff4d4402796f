"""The best set of many candidates, and correction of the winner's estimate for selection.

All of it works on a table of resampled errors, ``noise[draw, candidate]``: how far an estimate is from its true value
when the items are drawn again. A draw resamples the same items for every candidate, so the errors are paired.

*Best set.* A candidate is excluded when it is behind the lowest estimate by more than ``critical`` standard errors of
the paired difference. The critical value is a quantile of the largest studentised difference over all rivals, so the
set holds the true best with at least the stated probability, however many candidates there are (Hsu 1981, multiple
comparisons with the best; the bootstrap of a maximum statistic as in White 2000 and Hansen, Lunde & Nason 2011).
Rivals that are far behind cannot be the lowest and are left out of the maximum (moment selection, Andrews & Soares
2010).

*Selection.* The lowest of many estimates is too low on average. ``selection_error`` repeats the selection on
resampled data whose true values are the estimates with their noise taken out (empirical Bayes), and reports how far
below its own true value the selected one is.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from goldilocks.support.scoring.shrinkage import Shrinkage

Floats = npt.NDArray[np.floating[Any]]

LEVEL = 0.035
"""Level at which a candidate is excluded. With 200 equal candidates and some hundred items the bootstrap of the maximum
excludes the true best slightly more often than its level; 3.5 % keeps that below 5 %
(``benchmarks/decision_coverage.py``)."""
MAX_CENTRES = 24
"""Candidates whose own critical value is computed; the others take the largest of these."""


@dataclass(frozen=True, slots=True)
class BestSet:
    """The candidates that cannot be excluded as the best."""

    members: npt.NDArray[np.bool_]
    """Shape ``(n_candidates,)``."""
    statistic: npt.NDArray[np.float64]
    """Standard errors by which each is behind the lowest value, ``(n_candidates,)``; 0 for the lowest."""
    p_values: npt.NDArray[np.float64]
    """p-values of being as good as the best, adjusted for the number of candidates, ``(n_candidates,)``."""
    critical: float
    """Largest critical value that was used, in standard errors."""


def best_set(values: Floats, noise: Floats, *, step: float = 0.0, level: float = LEVEL) -> BestSet:
    """The candidates whose true value may be the lowest.

    Args:
        values: Estimates, lower is better, ``(n_candidates,)``.
        noise: Resampled errors of the estimates, ``(n_draws, n_candidates)``.
        step: What one item can change in a value. It is taken off a difference (a continuity correction): with few
            items, a normal approximation without it excludes too readily.
        level: Probability of excluding the true best that is accepted.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> best_set(np.array([1.0, 1.1, 9.0]), rng.normal(size=(2000, 3))).members.tolist()
        [True, True, False]
    """
    values = np.asarray(values, dtype=np.float64)
    lowest = int(np.argmin(values))
    behind = np.maximum(values - values[lowest] - step, 0.0)
    errors = _spread_from(noise, lowest)
    statistic = np.divide(behind, errors, out=np.where(behind > 0, np.inf, 0.0), where=errors > 0)
    rivals = statistic <= max(np.sqrt(np.log(max(len(noise), 3))), 2.0)
    # No critical value is below the one of a single comparison, and none above Bonferroni's by much.
    minimum = NormalDist().inv_cdf(1 - level)
    open_ = np.flatnonzero((statistic > minimum) & np.isfinite(statistic))
    open_ = open_[np.argsort(statistic[open_], kind="stable")]
    centres = [lowest, *open_[np.unique(np.linspace(0, len(open_) - 1, min(len(open_), MAX_CENTRES)).astype(int))]]
    maxima = {int(centre): _largest_lead(noise, int(centre), rivals) for centre in dict.fromkeys(centres)}
    quantiles = {centre: max(float(np.quantile(value, 1 - level)), minimum) for centre, value in maxima.items()}
    pooled = max(maxima, key=quantiles.__getitem__)
    critical = np.full(len(values), quantiles[pooled])
    p_values = np.ones(len(values))
    for i in np.flatnonzero(behind > 0).tolist():
        maximum = maxima.get(i, maxima[pooled])
        critical[i] = quantiles.get(i, critical[i])
        p_values[i] = (1 + len(maximum) - np.searchsorted(maximum, statistic[i], side="left")) / (len(maximum) + 1)
    return BestSet(statistic <= critical, statistic, np.minimum(p_values, 1.0), float(quantiles[pooled]))


def _spread_from(noise: Floats, centre: int) -> npt.NDArray[np.float64]:
    """Standard error of the paired difference of every candidate from one, ``(n_candidates,)``."""
    difference = noise - noise[:, centre, None]
    return np.asarray(np.sqrt(np.einsum("bk,bk->k", difference, difference, dtype=np.float64) / len(noise)))


def paired_errors(noise: Floats) -> npt.NDArray[np.float64]:
    """Standard error of the difference of every two candidates, ``(n_candidates, n_candidates)``."""
    return np.stack([_spread_from(noise, i) for i in range(noise.shape[1])])


def _largest_lead(noise: Floats, centre: int, rivals: npt.NDArray[np.bool_]) -> Floats:
    """Largest studentised lead of any rival over ``centre`` where all are equally good; ascending, ``(n_draws,)``."""
    difference = noise[:, centre, None] - noise[:, rivals]
    errors = np.sqrt(np.einsum("bk,bk->k", difference, difference) / len(noise))
    differs = errors > 1e-12
    if not differs.any():
        return np.zeros(len(noise))
    return np.sort((difference[:, differs] / errors[differs]).max(axis=1))


def selection_error(noise: Floats, shrinkage: Shrinkage, costs: Floats, *, n_items: int = 0, seed: int = 0) -> float:
    """By how many of its standard errors the true value of the selected candidate may be above its estimate (97.5 %).

    The selection is repeated on resampled data whose true values are ``shrinkage.truth``. Without one (a single
    candidate, or one that is far ahead) the answer is that of the normal distribution, the least that is returned.

    Args:
        noise: Resampled errors of the estimates, ``(n_draws, n_candidates)``.
        shrinkage: Shrinkage of the estimates.
        costs: Added to an estimate when the lowest is selected, in its unit, ``(n_candidates,)``.
        n_items: Where the values are shares of this many items: errors then follow from the true shares, as in Wilson's
            interval, and not from the observed ones. 0: they are not shares.
        seed: Seed of the errors of a share of 0, which has none to resample.
    """
    from scipy.special import ndtr, stdtrit

    truth, errors = shrinkage.truth, noise.std(axis=0)
    scale = errors.astype(np.float64)
    if n_items:
        truth = np.clip(truth, 0.0, 1.0)
        scale = np.sqrt(np.maximum(truth, 0.5 / n_items) * np.maximum(1 - truth, 0.5 / n_items) / n_items)
        ratio = np.divide(scale, errors, out=np.zeros_like(scale), where=errors > 0)
        noise = noise * ratio.astype(np.float32)
        still = np.flatnonzero(errors <= 0)
        if len(still):
            drawn = np.random.default_rng(seed).standard_normal((len(noise), len(still)))
            noise[:, still] = (drawn * scale[still]).astype(np.float32)
    selected = np.argmin(truth + noise + costs, axis=1)
    below = -noise[np.arange(len(noise)), selected].astype(np.float64)
    ahead = np.divide(below, scale[selected], out=np.zeros_like(below), where=scale[selected] > 0)
    usual = NormalDist().inv_cdf(0.975)
    z = max(float(np.quantile(ahead, 0.975)), usual)
    if not n_items:
        return z
    # Far in the tail a share of few items is not normal; Student's tail is what the simulation needs (30 items, 200
    # candidates). Without a selection nothing is added.
    degrees = max(n_items - 1, 1)
    return z + float(stdtrit(degrees, ndtr(z)) - z - stdtrit(degrees, 0.975) + usual)
