"""Posterior over each candidate's final loss: a Gaussian linear model in log loss, updated one observation at a time.

    y(m, rung) = z(m) + bias(kind of m, rung) + loading(kind of m, rung) * u(rung) + noise
    z(m)       = base + level(m) + data set + s * (family + group + model + own + F(m) · f(data set))

``z(m)`` is the log of the loss that candidate m ends with. ``u(rung)`` is shared by all candidates of the run: how much
is still to be learnt after a tenth of the training is mostly a property of the data, so an early score says less about
the final level than its own noise suggests, and one finished candidate corrects the rung for all others. Networks at a
tenth of their epochs and models not trained by gradient descent at a tenth of the rows have a ``u`` each; the linear
probe of the screening is a rung of its own. ``s``, how far candidates of this run differ, is unknown: it has an
inverse-gamma prior, which makes the differences multivariate Student-t, and is learnt on a grid by marginal likelihood.

A rung that is not better than the majority answer by two standard errors is uninformative and is passed over: a
``bias_only`` run that has not left chance yet says nothing about ``full``.

Each observation is a Kalman update; nothing is refactored. What an update needs of the joint covariance follows from
the few effects that candidates share (``selection/shared_effects.py``).
The prior comes from ``experience.json``, made by ``benchmarks/record_experience.py`` from recorded races on other data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from goldilocks.records import Candidate
from goldilocks.selection.experience import Experience, Rung, kind_of
from goldilocks.selection.joint_losses import LossPrior
from goldilocks.selection.shared_effects import SharedEffects

Floats = npt.NDArray[np.float64]

PROBE = "probe"
"""Name of the screening's linear probe among the rungs."""
ROWS = "/rows"
"""Suffix of a rung of candidates not trained by gradient descent: their rungs are shares of the rows, those of
networks are shares of the epochs, and what is still to be learnt differs."""
CHANCE_ERRORS = 2.0
"""A rung within this many standard errors of the majority loss is uninformative."""
_SCALES: Floats = np.array([0.6, 1.0, 1.67, 2.78, 4.63])
"""Grid of ``s``: equal steps in its logarithm."""
_MIN_NOISE = 1e-3
_SHARED_COUNTING = 0.5
"""Share of a loss's sampling variance that other candidates have in common, as models err on the same items."""


@dataclass(frozen=True, slots=True)
class Observation:
    """A measured loss of a candidate."""

    candidate: str
    loss: float
    share: float
    """Share of the full run; 0: the screening's linear probe."""


@dataclass(frozen=True, slots=True)
class _RungTable:
    """What experience knows of a rung for each candidate, ``(n_candidates,)`` each."""

    spread: Floats
    """Own noise."""
    loading: Floats
    bias: Floats
    place: npt.NDArray[np.int64]
    """Of the rung among those of the posterior."""


@dataclass(slots=True)
class Posterior:
    """Mean and variance of the log final loss of each candidate, under each scale of the grid."""

    candidates: Sequence[Candidate]
    experience: Experience
    n_items: int
    """Validation items: a loss below half an item is taken as half an item."""
    n_labels: int = 0
    """Number of labels; 0: unknown, or none."""
    chance: float | None = None
    """Loss of the majority answer; ``None``: unknown, no rung is passed over."""
    mean: Floats = field(init=False)
    """``(n_scales, n_candidates + n_rungs)``: first z of each candidate, then u of each rung."""
    variance: Floats = field(init=False)
    """The same shape."""
    cross: Floats = field(init=False)
    """Covariance of everything with u of each rung, ``(n_scales, n_rungs, n_candidates + n_rungs)``."""
    log_weights: Floats = field(init=False)
    """Log posterior probability of each scale, ``(n_scales,)``."""
    at_chance: dict[int, tuple[float, float]] = field(init=False, default_factory=dict)
    """Finished candidates at chance -> (log loss, its variance): known, but no evidence about other candidates."""
    _place: dict[str, int] = field(init=False)
    _rungs: list[str] = field(init=False)
    _one_go: list[bool] = field(init=False)
    """Which candidates are not trained by gradient descent."""
    _effects: SharedEffects = field(init=False)
    _moments: tuple[Floats, Floats] | None = field(init=False, default=None)
    """What ``moments`` made; ``None``: something was observed since."""
    _tables: dict[float, _RungTable] = field(init=False, default_factory=dict)
    """What ``_table`` made."""

    def __post_init__(self) -> None:
        """Lay out the prior."""
        e, pool = self.experience, self.candidates
        self._place = {candidate.name: index for index, candidate in enumerate(pool)}
        shares = sorted(e.rungs["*"])
        self._rungs = [PROBE, *shares, *(f"{share}{ROWS}" for share in shares)]
        self._one_go = [not candidate.model.groups for candidate in pool]
        attributes = [
            [candidate.model.family for candidate in pool],
            [e.groups.get(kind_of(candidate), kind_of(candidate)) for candidate in pool],
            [f"{candidate.model.family}/{candidate.model.name}" for candidate in pool],
        ]
        codes = np.array([np.unique(names, return_inverse=True)[1] for names in attributes]).reshape(3, len(pool))
        level = [e.level_of(candidate) for candidate in pool]
        own, factors = np.array([e.own_variance(candidate) for candidate in pool]), e.factors_of(pool)
        shared = np.array([e.shared_spread(name) ** 2 for name in self._rungs])
        n_scales = len(_SCALES)
        self.mean = np.tile(np.array([*level, *np.zeros(len(shared))]), (n_scales, 1))
        spreads = (e.within_family, e.within_group, e.within_model)
        within = sum(spread**2 for spread in spreads) + own + (factors**2).sum(1)
        self.variance = np.hstack([e.between_data**2 + np.outer(_SCALES**2, within), np.tile(shared, (n_scales, 1))])
        self.cross = np.zeros((n_scales, len(shared), len(pool) + len(shared)))
        between_rungs = self._between_rungs(np.sqrt(shared))
        self.cross[:, :, len(pool) :] = between_rungs
        self.log_weights = _log_prior(e.spread_freedom)
        groups = [(members, spread**2) for members, spread in zip(codes, spreads, strict=True)]
        self._effects = SharedEffects(groups, factors, own, e.between_data**2, between_rungs, _SCALES)

    def _between_rungs(self, spreads: Floats) -> Floats:
        """Prior covariance of u of the rungs: correlated among those of networks and among those of shares of rows."""
        count = (len(self._rungs) - 1) // 2
        groups = np.array([0, *[1] * count, *[2] * count])
        correlation = np.where(groups[:, None] == groups, self.experience.rung_correlation, 0.0)
        np.fill_diagonal(correlation, 1.0)
        return np.asarray(correlation * np.outer(spreads, spreads))

    # ------------------------------------------------------------------------------------------------------ evidence

    def observe(self, observation: Observation) -> bool:
        """Take one observation into account.

        Returns:
            Whether it was informative: ``False`` for a candidate that is not in the pool, and for a rung at chance.
        """
        place = self._place.get(observation.candidate)
        if place is None:
            return False
        if self.is_at_chance(observation.loss) or self.candidates[place].model.family == "majority":
            if observation.share >= 1:
                self.at_chance[place] = (self.log(observation.loss), self.counting_noise(observation.loss) ** 2)
                self._moments = None
            return False
        relation = self._relation(place, observation)
        column, total, expected = (
            self._effects.column(place),
            self.variance[:, place].copy(),
            self.mean[:, place].copy(),
        )
        rung = None if observation.share >= 1 else self._rung(place, observation.share)
        if rung is not None:
            at, loading = len(self.candidates) + rung, relation.loading
            total += 2 * loading * self.cross[:, rung, place] + loading**2 * self.variance[:, at]
            column += loading * self.cross[:, rung]
            expected += loading * self.mean[:, at]
        noise = self._counting(observation, float(self.weights @ expected) + relation.bias)
        own = relation.spread**2 + noise**2
        self._effects.observe(place, rung, relation.loading, own, total + own)
        self._update(column, total + own, self.log(observation.loss) - relation.bias - expected)
        return True

    def observe_gap(self, earlier: Observation, final: float) -> bool:
        """Take into account how far above its end a finished candidate was at a rung, which tells of u(rung) alone.

        Args:
            earlier: The rung.
            final: Loss of the same run at its end.

        Returns:
            Whether it was informative; see ``observe``.
        """
        place = self._place.get(earlier.candidate)
        if place is None or self.candidates[place].model.family == "majority":
            return False
        if self.is_at_chance(earlier.loss) or self.is_at_chance(final):
            return False
        relation, rung = self._relation(place, earlier), self._rung(place, earlier.share)
        loading, at = relation.loading, len(self.candidates) + rung
        counting = self.counting_noise(earlier.loss) ** 2 + self.counting_noise(final) ** 2
        total = loading**2 * self.variance[:, at] + relation.spread**2 + counting
        surprise = self.log(earlier.loss) - self.log(final) - relation.bias - loading * self.mean[:, at]
        column = loading * self.cross[:, rung]
        self._effects.observe_rung(rung, loading, total)
        self._update(column, total, surprise)
        return True

    def _update(self, column: Floats, total: Floats, surprise: Floats) -> None:
        """The Kalman update: ``column`` is the covariance of the state with y, ``total`` the variance of y."""
        scaled = column / np.sqrt(total)[:, None]
        n = len(self.candidates)
        self.mean += column * (surprise / total)[:, None]
        self.variance = np.maximum(self.variance - scaled**2, 1e-12)
        self.cross -= scaled[:, n:, None] * scaled[:, None, :]
        self.log_weights += -0.5 * (np.log(total) + surprise**2 / total)
        self.log_weights -= _log_sum(self.log_weights)
        self._moments = None

    # ------------------------------------------------------------------------------------------------------- answers

    @property
    def weights(self) -> Floats:
        """Posterior probability of each scale, ``(n_scales,)``."""
        return np.asarray(np.exp(self.log_weights))

    def moments(self) -> tuple[Floats, Floats]:
        """Mean and standard deviation of log final loss over all scales, each ``(n_candidates,)``."""
        if self._moments is None:
            means, variances = self.by_scale()
            weights = self.weights
            mean = weights @ means
            self._moments = mean, np.sqrt(np.maximum(weights @ (variances + means**2) - mean**2, 1e-12))
        return self._moments

    def by_scale(self) -> tuple[Floats, Floats]:
        """Mean and variance of log final loss under each scale, each ``(n_scales, n_candidates)``."""
        n = len(self.candidates)
        means, variances = self.mean[:, :n].copy(), self.variance[:, :n].copy()
        for place, (value, variance) in self.at_chance.items():
            means[:, place], variances[:, place] = value, variance
        return means, variances

    def joint(self, names: Sequence[str]) -> LossPrior:
        """Log final losses of some candidates together, under each scale."""
        places = [self._place[name] for name in names]
        covariances = np.stack([self._effects.column(place)[:, places] for place in places], axis=1)
        return LossPrior(tuple(names), self.log_weights.copy(), self.mean[:, places].copy(), covariances)

    def foresight(self, share: float, scales: npt.NDArray[np.bool_] | None = None) -> Floats:
        """How far scoring at ``share`` would move the mean of each candidate: its standard deviation, by scale.

        Args:
            share: A rung.
            scales: Which scales to tell it for, ``(n_scales,)``; ``None``: all.

        Returns:
            ``(n_scales, n_candidates)``; at share 1 nearly all that is uncertain now, less the error of counting.
        """
        n, wanted = len(self.candidates), slice(None) if scales is None else scales
        means, variances = self.by_scale()
        noise = self._noise(share, np.exp(np.minimum(self.weights @ means, 0.0)))
        variances = variances[wanted]
        if share >= 1:
            covariance, total = variances, variances + noise**2
        else:
            table = self._table(share)
            loading, rungs = table.loading, table.place
            shared = loading * self.cross[wanted][:, rungs, np.arange(n)]
            covariance = variances + shared
            total = variances + 2 * shared + loading**2 * self.variance[wanted][:, n + rungs] + noise**2
        step = np.clip(covariance, 0.0, None) / np.sqrt(np.maximum(total, 1e-12))
        return np.minimum(step, np.sqrt(variances))

    def remaining(self, places: npt.NDArray[np.intp], shares: Floats) -> Floats:
        """By how much log losses are expected to fall from a share of the run to its end, at least 0, ``(n_places,)``.

        Args:
            places: Candidates, ``(n_places,)``.
            shares: How far each has run, above 0; between rungs that experience knows the fall is linear in log share.
        """
        known = [*sorted(float(share) for share in self.experience.rungs["*"]), 1.0]
        gaps = np.zeros((len(known), len(places)))
        for row, share in enumerate(known[:-1]):
            table = self._table(share)
            shared = self.weights @ self.mean[:, len(self.candidates) + table.place[places]]
            gaps[row] = np.maximum(table.bias[places] + table.loading[places] * shared, 0.0)
        at = np.interp(np.log(shares), np.log(known), np.arange(len(known), dtype=np.float64))
        low = np.minimum(at.astype(np.int64), len(known) - 2)
        columns = np.arange(len(places))
        return np.asarray(gaps[low, columns] + (at - low) * (gaps[low + 1, columns] - gaps[low, columns]))

    def given(self, observations: Sequence[Observation]) -> tuple[Floats, Floats]:
        """Mean and standard deviation of log final loss, each ``(n_candidates,)``, from the prior and these alone."""
        fresh = Posterior(self.candidates, self.experience, self.n_items, self.n_labels, self.chance)
        for observation in observations:
            fresh.observe(observation)
        return fresh.moments()

    def log(self, loss: float) -> float:
        """Natural logarithm, with losses below half an item raised to it."""
        return float(np.log(max(loss, 0.5 / max(self.n_items, 1))))

    def is_at_chance(self, loss: float) -> bool:
        """Whether a loss is within two standard errors of the majority answer's, or above it."""
        if self.chance is None:
            return False
        error = float(np.sqrt(max(self.chance * (1 - self.chance), 0.0) / max(self.n_items, 1)))
        return loss >= self.chance - CHANCE_ERRORS * error

    def counting_noise(self, loss: float) -> float:
        """Standard deviation of log loss from counting it on ``n_items``, of which other candidates share half."""
        error = np.sqrt((1 - min(loss, 0.99)) / max(loss * self.n_items, 0.5))
        return max(min(float(error), 1.0) * float(np.sqrt(_SHARED_COUNTING)), _MIN_NOISE)

    # -------------------------------------------------------------------------------------------------------- inside

    def _rung(self, place: int, share: float) -> int:
        """Place of the nearest rung that experience knows, for one candidate; 0 is the probe."""
        if share == 0:
            return 0
        count = (len(self._rungs) - 1) // 2
        known = self._rungs[1 : 1 + count]
        nearest = min(range(count), key=lambda index: abs(float(known[index]) - share))
        return 1 + nearest + (count if self._one_go[place] else 0)

    def _relation(self, place: int, observation: Observation) -> Rung:
        """Bias and own noise of an observation, without that of counting."""
        if observation.share >= 1:
            return Rung(0.0, 0.0)
        if observation.share == 0:
            return self.experience.probe
        rung = self._known(place, observation.share)
        return Rung(self._bias(rung), rung.spread, rung.per_label, rung.loading)

    def _counting(self, observation: Observation, expected: float) -> float:
        """Standard deviation of an observation's log loss by counting.

        It is that of the true loss, for which the geometric mean of the measured and the expected loss is taken: at the
        measured one, 3 errors where 8 were expected would count for more than 8 where 3 were. A probe's is part of its
        spread.
        """
        if observation.share == 0:
            return 0.0
        return self.counting_noise(float(np.exp(min((self.log(observation.loss) + expected) / 2, 0.0))))

    def _known(self, place: int, share: float) -> Rung:
        rungs = self.experience.rungs
        candidate = self.candidates[place]
        of_kind = rungs.get(candidate.name) or rungs.get(kind_of(candidate)) or rungs["*"]
        return of_kind[min(of_kind, key=lambda known: abs(float(known) - share))]

    def _bias(self, rung: Rung) -> float:
        labels = np.log(self.n_labels / self.experience.labels) if self.n_labels else 0.0
        return float(rung.bias + rung.per_label * labels)

    def _noise(self, share: float, losses: Floats) -> Floats:
        """Own noise of every candidate at a rung, ``(n_candidates,)``, were it scored now."""
        counting = np.sqrt((1 - np.minimum(losses, 0.99)) / np.maximum(losses * self.n_items, 0.5))
        counting = np.maximum(np.minimum(counting, 1.0) * np.sqrt(_SHARED_COUNTING), _MIN_NOISE)
        return np.asarray(counting if share >= 1 else np.hypot(self._table(share).spread, counting))

    def _table(self, share: float) -> _RungTable:
        if share not in self._tables:
            places = range(len(self.candidates))
            known = [self.experience.probe if share == 0 else self._known(place, share) for place in places]
            self._tables[share] = _RungTable(
                np.array([rung.spread for rung in known]),
                np.array([rung.loading for rung in known]),
                np.array([self._bias(rung) for rung in known]),
                np.array([self._rung(place, share) for place in places], dtype=np.int64),
            )
        return self._tables[share]


def _log_prior(freedom: float) -> Floats:
    """Log prior of each scale: its square is inverse-gamma(freedom / 2, freedom / 2)."""
    log_density = -freedom * np.log(_SCALES) - freedom / (2 * _SCALES**2)
    return np.asarray(log_density - _log_sum(log_density))


def _log_sum(logs: Floats) -> float:
    """log(sum(exp(logs))); SciPy's is made for more cases, and takes ten times as long on five numbers."""
    highest = float(logs.max())
    return highest + float(np.log(np.exp(logs - highest).sum()))
