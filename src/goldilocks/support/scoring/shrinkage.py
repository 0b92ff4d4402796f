"""Empirical Bayes for many estimates on the same items: posterior means and draws of their true values.

The noise of an estimate depends on its true value: of a share p of n items it is p (1 - p) / n. Taken at the observed
value, the noise of the luckiest candidates is far too small (0 errors in 300 items: none at all), they are not shrunk,
and their probability of being the best is overstated. So it is taken at the posterior mean, found by iteration from the
mean of all candidates, and half an item is added, as by Jeffreys' prior of a share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]

_GRID = 41
_MIN_SPREAD = 0.15
"""Quantile of the spread of true values under which a selection is repeated."""
_MAX_MOVED = 0.5
"""Standard errors by which a posterior mean may differ from its estimate."""
_ITERATIONS = 2
"""The first takes the noise at the mean of all estimates, the second at the posterior means that follow from it."""
_SHARED = 0.5
"""Part of the variance that candidates do not share, where all answers are right and nothing tells it."""
_BLUR_ITEMS = 0.5
"""Items by which Jeffreys' prior blurs a count."""


@dataclass(frozen=True, slots=True)
class Shrinkage:
    """Empirical Bayes: how much of the spread between the estimates is real."""

    mean: npt.NDArray[np.float64]
    """Posterior mean of each true value, moved by at most half a standard error, ``(n_candidates,)``."""
    truth: npt.NDArray[np.float64]
    """True values that are spread out as little as the estimates allow (the 15 % quantile of the spread),
    ``(n_candidates,)``: the case in which a selection misleads most."""
    estimates: npt.NDArray[np.float64]
    noise: Floats
    """Resampled errors of the estimates, as large as their true values make them, ``(n_draws, n_candidates)``."""
    spread_weights: npt.NDArray[np.float64]
    """Posterior probability of each possible spread of the true values, ``(n_spreads,)``."""
    centres: npt.NDArray[np.float64]
    """What the estimates are shrunk towards under each spread, ``(n_spreads,)``."""
    kept: npt.NDArray[np.float64]
    """Share of an estimate's distance from the centre that is real under each spread, ``(n_spreads, n_candidates)``."""

    def draws(self, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """True values drawn from the posterior, ``(n_draws, n_candidates)``; paired as the rows of ``noise`` are."""
        spread = rng.choice(len(self.spread_weights), size=len(self.noise), p=self.spread_weights)
        kept, centres = self.kept[spread], self.centres[spread][:, None]
        common = self.noise.mean(axis=1, keepdims=True)
        return np.asarray(centres + kept * (self.estimates - centres) + np.sqrt(kept) * (self.noise - common) + common)


def shrink(values: Floats, noise: Floats, *, n_items: int = 0, seed: int = 0) -> Shrinkage:
    """Posterior means under a normal distribution of true values, whose spread is integrated over.

    Only what the estimates do not share is noise for a comparison: errors of all candidates on the same hard items
    cancel. The spread has a half-Cauchy prior three noise widths wide. One outlying candidate makes the normal
    distribution wrong, so no mean is moved by more than half a standard error, and the means of fewer than three
    candidates, which say nothing of a spread, are not moved at all.

    Args:
        values: Estimates, ``(n_candidates,)``.
        noise: Resampled errors, ``(n_draws, n_candidates)``.
        n_items: Where the values are losses between 0 and 1 on this many items: their noise then follows from the true
            values. 0: it is what the resampled errors say.
        seed: Seed of what cannot be resampled: half an item, and the noise of a loss of 0.

    Source:
        Efron & Morris 1971 (limited translation) and 1973; the restricted likelihood and the prior of Gelman 2006.
    """
    estimates: npt.NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    k = len(estimates)
    own = noise - noise.mean(axis=1, keepdims=True)
    observed = np.einsum("bk,bk->k", own, own, dtype=np.float64) / len(noise) * k / max(k - 1, 1)
    if n_items:
        truth = np.full(k, estimates.mean())
        for _ in range(_ITERATIONS):
            variance, noise_now = _at(truth, estimates, observed, noise, n_items)
            fit = _fit(estimates, variance)
            truth = fit.mean
        noise = _resized(noise, noise_now, n_items, seed)
    else:
        variance = np.maximum(observed, (0.1 * float(np.median(observed)) ** 0.5) ** 2)
        fit = _fit(estimates, variance)
    limit = _MAX_MOVED * np.sqrt(variance if n_items else observed) if k > 2 else np.zeros(k)
    low = min(int(np.searchsorted(np.cumsum(fit.weights), _MIN_SPREAD)), len(fit.weights) - 1)
    return Shrinkage(
        mean=np.clip(fit.mean, estimates - limit, estimates + limit),
        truth=fit.centres[low] + fit.kept[low] * (estimates - fit.centres[low]),
        estimates=estimates,
        noise=noise,
        spread_weights=fit.weights,
        centres=fit.centres,
        kept=fit.kept,
    )


@dataclass(frozen=True, slots=True)
class _Fit:
    """Weights of the possible spreads, and what follows under each."""

    weights: npt.NDArray[np.float64]
    centres: npt.NDArray[np.float64]
    kept: npt.NDArray[np.float64]
    mean: npt.NDArray[np.float64]
    """Posterior means, not limited."""


def _fit(estimates: npt.NDArray[np.float64], variance: npt.NDArray[np.float64]) -> _Fit:
    """The normal model for given noise, its spread on a grid."""
    k, typical = len(estimates), float(np.median(variance)) ** 0.5
    if k < 2 or typical <= 0:
        return _Fit(np.ones(1), np.array([estimates.mean()]), np.ones((1, k)), estimates)
    widest = max(float(np.ptp(estimates)), typical) * 4
    taus = np.geomspace(0.02 * typical, widest, _GRID)
    total = taus[:, None] ** 2 + variance  # (grid, k)
    precision = 1 / total
    centres = (precision @ estimates) / precision.sum(1)
    misfit = (precision * (estimates - centres[:, None]) ** 2).sum(1)
    log_weight = -0.5 * (np.log(total).sum(1) + misfit + np.log(precision.sum(1)))
    log_weight += np.log(taus) - np.log1p((taus / (3 * typical)) ** 2)  # the grid is even in log tau
    weights = np.exp(log_weight - log_weight.max())
    weights /= weights.sum()
    kept = taus[:, None] ** 2 * precision
    return _Fit(weights, centres, kept, weights @ (centres[:, None] + kept * (estimates - centres[:, None])))


def _binomial(losses: npt.NDArray[np.float64], n_items: int) -> npt.NDArray[np.float64]:
    """Variance of shares of this many items; no share is taken to be nearer to 0 or 1 than half an item."""
    inside = np.clip(losses, 0.5 / n_items, 1 - 0.5 / n_items)
    return np.asarray(inside * (1 - inside) / n_items)


def _at(
    truth: npt.NDArray[np.float64],
    estimates: npt.NDArray[np.float64],
    observed: npt.NDArray[np.float64],
    noise: Floats,
    n_items: int,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Variance of what the estimates do not share, and standard deviation of their whole noise, at these true values.

    Both change with the loss as the variance of a share does; how they differ from it otherwise (correlated errors, a
    metric that is not a mean of items) is a candidate's own, or the median where its resampled errors tell nothing.
    """
    before, now = _binomial(estimates, n_items), _binomial(truth, n_items)
    whole = noise.var(axis=0, dtype=np.float64)
    noisy = whole > 0
    factors = np.where(
        noisy, observed / before, float(np.median((observed / before)[noisy])) if noisy.any() else _SHARED
    )
    sizes = np.where(noisy, whole / before, float(np.median((whole / before)[noisy])) if noisy.any() else 1.0)
    blur = (_BLUR_ITEMS / n_items) ** 2
    return factors * now + blur, np.sqrt(sizes * now)


def _resized(noise: Floats, size: npt.NDArray[np.float64], n_items: int, seed: int) -> Floats:
    """The errors with these standard deviations, and half an item of noise for each candidate on top."""
    rng = np.random.default_rng(seed)
    errors = noise.std(axis=0)
    ratio = np.divide(size, errors, out=np.zeros_like(size), where=errors > 0).astype(np.float32)
    resized = noise * ratio
    still = np.flatnonzero(errors <= 0)
    if len(still):
        resized[:, still] = rng.standard_normal((len(noise), len(still)), dtype=np.float32) * size[still]
    blur = np.float32(_BLUR_ITEMS / n_items)
    return np.asarray(resized + blur * rng.standard_normal(noise.shape, dtype=np.float32))
