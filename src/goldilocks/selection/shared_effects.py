"""Covariances between the final losses of candidates, from the few effects that they share.

    z(m) = x(m) · b + own(m)

``b`` are the effects of data set, families, groups, models, factors and rungs, whose posterior covariance ``S`` is kept
and updated. Given ``b`` the candidates are independent: what is known of ``own(m)`` comes from m's observations alone,

    own(m) = const - (q(m) x(m) + t(m)) · b + e(m),     e(m) ~ N(0, v(m)),

where ``t`` has entries for rungs only. So z of a candidate covaries with z of another by their ``(1 - q) x - t`` and
``S``, and one more observation is an update of rank one. It costs the square of the number of effects and not, as the
same update of the candidates' joint covariance would, that of the number of candidates, or of observations.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.linalg.blas import dger

Floats = npt.NDArray[np.float64]


class SharedEffects:
    """The posterior covariance of the shared effects, and what the candidates have of their own, under each scale."""

    def __init__(
        self,
        codes: Sequence[tuple[npt.NDArray[np.int64], float]],
        factors: Floats,
        own: Floats,
        constant: float,
        between_rungs: Floats,
        scales: Floats,
    ) -> None:
        """Lay out the prior.

        Args:
            codes: For each way of grouping the candidates the group of each, ``(n,)``, and the variance of its effect.
            factors: Loadings on factors of variance 1, ``(n, k)``.
            own: Variance of each single candidate, ``(n,)``.
            constant: Variance of the effect that all candidates share; it is not scaled.
            between_rungs: Prior covariance of the rungs' effects, ``(n_rungs, n_rungs)``; not scaled.
            scales: Factor of the standard deviations of all else, ``(n_scales,)``.
        """
        n, n_scales = len(own), len(scales)
        squares = scales**2
        own = own.copy()
        places: list[npt.NDArray[np.int64]] = []
        prior = [np.full(n_scales, constant)]
        for groups, variance in codes:
            counts = np.bincount(groups, minlength=int(groups.max(initial=0)) + 1)
            alone = counts[groups] == 1  # an effect of one candidate is its own
            own[alone] += variance
            shared = np.flatnonzero(counts > 1) if variance > 0 else np.zeros(0, dtype=np.int64)
            place = np.full(len(counts), -1)
            place[shared] = len(prior) + np.arange(len(shared))
            places.append(place[groups])
            prior += [squares * variance] * len(shared)
        self._factor = len(prior)
        prior += [squares] * factors.shape[1]
        self._rung = len(prior)
        size = len(prior) + len(between_rungs)
        self.covariance = np.zeros((n_scales, size, size))
        """``S``, ``(n_scales, n_effects, n_effects)``: constant, groups, factors, rungs."""
        diagonal = np.arange(len(prior))
        self.covariance[:, diagonal, diagonal] = np.array(prior).T
        self.covariance[:, len(prior) :, len(prior) :] = between_rungs
        self._places = places
        """For each way of grouping the effect of each candidate's group; -1: it is part of its own."""
        self._factors = factors
        self._own = np.outer(squares, own)
        self._known = np.zeros(n)
        """Precision of each candidate's observations: the sum of 1 / noise²."""
        self._of_rungs = np.zeros((n, len(between_rungs)))
        """The sum of loading / noise² over each candidate's observations of a rung."""

    def column(self, place: int) -> Floats:
        """Covariance of z of every candidate, then of every rung's effect, with z of one candidate.

        Returns:
            ``(n_scales, n_candidates + n_rungs)``.
        """
        seen = self._seen()
        spread = self._times(self._effects(place, seen))
        n = len(self._known)
        column = np.empty((len(spread), n + self._of_rungs.shape[1]))
        column[:, :n] = (1 - seen * self._known) * self._expected(spread)
        column[:, :n] -= seen * (spread[:, self._rung :] @ self._of_rungs.T)
        column[:, place] += seen[:, place]
        column[:, n:] = spread[:, self._rung :]
        return column

    def observe(self, place: int, rung: int | None, loading: float, noise: Floats | float, total: Floats) -> None:
        """Take an observation into account: z of a candidate plus ``loading`` times a rung's effect, plus noise.

        Args:
            place: The candidate.
            rung: The rung; ``None``: z itself is observed.
            loading: Loading of the rung.
            noise: Variance of the observation's own noise.
            total: Variance of the observation, ``(n_scales,)``.
        """
        effects = self._effects(place, self._seen())
        if rung is not None:
            effects[:, self._rung + rung] += loading
        self._condition(effects, total)
        self._known[place] += 1 / noise
        if rung is not None:
            self._of_rungs[place, rung] += loading / noise

    def observe_rung(self, rung: int, loading: float, total: Floats) -> None:
        """Take an observation of a rung's effect alone into account.

        Args:
            rung: The rung.
            loading: How many times its effect was observed.
            total: Variance of the observation, ``(n_scales,)``.
        """
        effects = np.zeros((len(total), self.covariance.shape[1]))
        effects[:, self._rung + rung] = loading
        self._condition(effects, total)

    def _condition(self, effects: Floats, total: Floats) -> None:
        """The Kalman update of ``S`` by an observation of a sum of effects with this variance."""
        gains = self._times(effects) / np.sqrt(total)[:, None]
        for covariance, gain in zip(self.covariance, gains, strict=True):
            dger(-1.0, gain, gain, a=covariance.T, overwrite_a=1)  # in place, as the transpose is in Fortran's order

    def _times(self, effects: Floats) -> Floats:
        """``S`` times a vector under each scale, ``(n_scales, n_effects)``."""
        return np.asarray(np.matmul(self.covariance, effects[:, :, None])[:, :, 0])

    def _seen(self) -> Floats:
        """Variance of each candidate's own part given the shared effects, ``(n_scales, n_candidates)``."""
        return np.asarray(self._own / (1 + self._own * self._known))

    def _effects(self, place: int, seen: Floats) -> Floats:
        """(1 - q) x - t of one candidate, ``(n_scales, n_effects)``."""
        effects = np.zeros(self.covariance.shape[1])
        effects[0] = 1.0
        effects[[at[place] for at in self._places if at[place] >= 0]] = 1.0
        effects[self._factor : self._rung] = self._factors[place]
        own = seen[:, place, None]
        scaled: Floats = (1 - own * self._known[place]) * effects
        scaled[:, self._rung :] -= own * self._of_rungs[place]
        return scaled

    def _expected(self, effects: Floats) -> Floats:
        """Some effects times x of every candidate, ``(n_scales, n_candidates)``."""
        out = effects[:, self._factor : self._rung] @ self._factors.T + effects[:, :1]
        padded = np.pad(effects, ((0, 0), (0, 1)))  # -1 is nothing
        for at in self._places:
            out += padded[:, at]
        return np.asarray(out)
