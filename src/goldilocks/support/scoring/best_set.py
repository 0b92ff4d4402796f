"""The best set of many candidates, and correction of the winner's estimate for selection.

All of it works on a table of resampled errors, ``noise[draw, candidate]``: how far an estimate lies from its true value
when the items are drawn again. A draw resamples the same items for every candidate, so the errors are paired.

*Best set.* A candidate is excluded when it is behind the lowest estimate by more than ``critical`` standard errors of
the paired difference. The critical value is a quantile of the largest studentised difference over all rivals, so the
set holds the true best with at least the stated probability, however many candidates there are (Hsu 1981, multiple
comparisons with the best; the bootstrap of a maximum statistic as in White 2000 and Hansen, Lunde & Nason 2011).
Rivals that are far behind cannot be the lowest and are left out of the maximum (moment selection, Andrews & Soares
2010).

*Selection.* The lowest of many estimates is too low on average. ``selection_error`` repeats the selection on
resampled data whose true values are the estimates with their noise taken out (empirical Bayes), and reports how far
below its own true value the selected one lies.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]

LEVEL = 0.035
"""Level at which a candidate is excluded. With 200 equal candidates and some hundred items the bootstrap of the maximum
excludes the true best slightly more often than its level; 3.5 % keeps that below 5 %
(``benchmarks/decision_coverage.py``)."""
MOST_CENTRES = 24
"""Candidates whose own critical value is computed; the others take the largest of these."""
_GRID = 41
_LEAST_SPREAD = 0.15
"""Quantile of the spread of true values under which a selection is repeated."""
_MOST_MOVED = 0.5
"""Standard errors by which a posterior mean may differ from its estimate."""


@dataclass(frozen=True, slots=True)
class BestSet:
    """The candidates that cannot be excluded as the best."""

    members: npt.NDArray[np.bool_]
    """Shape ``(n_candidates,)``."""
    statistic: npt.NDArray[np.float64]
    """Standard errors by which each is behind the lowest value, ``(n_candidates,)``; 0 for the lowest."""
    p_values: npt.NDArray[np.float64]
    """Of being as good as the best, adjusted for the number of candidates, ``(n_candidates,)``."""
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
    least = NormalDist().inv_cdf(1 - level)
    open_ = np.flatnonzero((statistic > least) & np.isfinite(statistic))
    open_ = open_[np.argsort(statistic[open_], kind="stable")]
    centres = [lowest, *open_[np.unique(np.linspace(0, len(open_) - 1, min(len(open_), MOST_CENTRES)).astype(int))]]
    maxima = {int(centre): _largest_lead(noise, int(centre), rivals) for centre in dict.fromkeys(centres)}
    quantiles = {centre: max(float(np.quantile(value, 1 - level)), least) for centre, value in maxima.items()}
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


@dataclass(frozen=True, slots=True)
class Shrinkage:
    """Empirical Bayes: how much of the spread between the estimates is real."""

    mean: npt.NDArray[np.float64]
    """Posterior mean of each true value, moved by at most half a standard error, ``(n_candidates,)``."""
    truth: npt.NDArray[np.float64]
    """True values that are spread out as little as the estimates allow (the 15 % quantile of the spread),
    ``(n_candidates,)``: the case in which a selection misleads most."""
    estimates: npt.NDArray[np.float64]
    spread_weights: npt.NDArray[np.float64]
    """Posterior probability of each possible spread of the true values, ``(n_spreads,)``."""
    centres: npt.NDArray[np.float64]
    """What the estimates are shrunk towards under each spread, ``(n_spreads,)``."""
    kept: npt.NDArray[np.float64]
    """Share of an estimate's distance from the centre that is real under each spread, ``(n_spreads, n_candidates)``."""

    def draws(self, noise: Floats, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """True values drawn from the posterior, ``(n_draws, n_candidates)``; paired as the rows of ``noise`` are."""
        spread = rng.choice(len(self.spread_weights), size=len(noise), p=self.spread_weights)
        kept, centres = self.kept[spread], self.centres[spread][:, None]
        common = noise.mean(axis=1, keepdims=True)
        return np.asarray(centres + kept * (self.estimates - centres) + np.sqrt(kept) * (noise - common) + common)


def shrink(values: Floats, noise: Floats) -> Shrinkage:
    """Posterior means under a normal distribution of true values, whose spread is integrated over.

    Only what the estimates do not share is noise for a comparison: errors of all candidates on the same hard items
    cancel. The spread has a half-Cauchy prior three noise widths wide. One candidate that stands out makes the normal
    distribution wrong, so no mean is moved by more than half a standard error, and the means of fewer than three
    candidates, which say nothing of a spread, are not moved at all.

    Args:
        values: Estimates, ``(n_candidates,)``.
        noise: Resampled errors, ``(n_draws, n_candidates)``.

    Source:
        Efron & Morris 1971 (limited translation) and 1973; the restricted likelihood and the prior of Gelman 2006.
    """
    estimates: npt.NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    k = len(estimates)
    own = noise - noise.mean(axis=1, keepdims=True)
    variance = np.einsum("bk,bk->k", own, own, dtype=np.float64) / len(noise) * k / max(k - 1, 1)
    typical = float(np.median(variance)) ** 0.5
    if k < 2 or typical <= 0:
        return Shrinkage(estimates, estimates, estimates, np.ones(1), np.array([estimates.mean()]), np.ones((1, k)))
    errors = np.sqrt(variance)
    variance = np.maximum(variance, (0.1 * typical) ** 2)
    widest = max(float(np.ptp(estimates)), typical) * 4
    taus = np.geomspace(0.02 * typical, widest, _GRID)
    total = taus[:, None] ** 2 + variance  # (grid, k)
    precision = 1 / total
    centres = (precision @ estimates) / precision.sum(1)
    misfit = (precision * (estimates - centres[:, None]) ** 2).sum(1)
    log_weight = -0.5 * (np.log(total).sum(1) + misfit + np.log(precision.sum(1)))
    log_weight += np.log(taus) - np.log1p((taus / (3 * typical)) ** 2)  # the grid is even in log tau
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    kept = taus[:, None] ** 2 * precision
    mean = weight @ (centres[:, None] + kept * (estimates - centres[:, None]))
    most = _MOST_MOVED * errors if k > 2 else np.zeros(k)
    low = min(int(np.searchsorted(np.cumsum(weight), _LEAST_SPREAD)), _GRID - 1)
    truth = centres[low] + kept[low] * (estimates - centres[low])
    return Shrinkage(np.clip(mean, estimates - most, estimates + most), truth, estimates, weight, centres, kept)


def selection_error(noise: Floats, shrinkage: Shrinkage, costs: Floats, *, n_items: int = 0, seed: int = 0) -> float:
    """By how many of its standard errors the true value of the selected candidate may lie above its estimate (97.5 %).

    The selection is repeated on resampled data whose true values are ``shrinkage.truth``. Without one (a single
    candidate, or one that is far ahead) the answer is that of the normal distribution, the least that is returned.

    Args:
        noise: Resampled errors of the estimates, ``(n_draws, n_candidates)``.
        shrinkage: Of the estimates.
        costs: Added to an estimate when the lowest is selected, in its unit, ``(n_candidates,)``.
        n_items: Where the values are shares of so many items: errors then follow from the true shares, as in Wilson's
            interval, and not from the observed ones. 0: they are not shares.
        seed: Of the errors of a share of 0, which has none to resample.
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
