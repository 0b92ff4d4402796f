"""What each candidate would end with: a joint Gaussian over the logarithms of the final losses.

Before anything is bought the mean of log loss comes from recorded experience, by kind of candidate (family and method);
the covariance says that candidates of one data set, one family, one group rise and fall together. Each observation (a
rung of a run, the linear probe of the screening) moves the candidate itself and, through the covariance, its relatives:
one bad LSTM lowers the hopes in the next. With K the prior covariance and observations y = z + bias + noise, the
posterior is the usual conditional Gaussian; K is as large as the pool, so this takes well under a millisecond.

The numbers are in ``experience.json``, made by ``benchmarks/record_experience.py`` from recorded races on other data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goldilocks.records import Candidate


@dataclass(frozen=True, slots=True)
class Rung:
    """How the loss at a rung relates to the final loss, in natural logarithms."""

    bias: float
    """Mean of log(loss at the rung) - log(final loss)."""
    spread: float
    """Standard deviation of the same."""
    per_label: float = 0.0
    """By how much the mean grows where there are e times as many labels: the more there are, the more is still to be
    learnt at a rung."""


@dataclass(frozen=True, slots=True)
class Experience:
    """What recorded races say before this one begins."""

    level: Mapping[str, float]
    """Kind (``family/method``, or ``*``) -> mean of log final loss, relative to the mean of its data set."""
    between_data: float
    """Standard deviation of log loss from one data set to the next."""
    within_family: float
    """Standard deviation that members of one family share."""
    within_group: float
    """Standard deviation that candidates of one group share: kinds that end much alike (``groups``)."""
    own: float
    """Standard deviation of a candidate by itself."""
    base: float
    """Mean of log loss over data sets."""
    rungs: Mapping[str, Mapping[str, Rung]]
    """Kind -> share (as text) -> relation."""
    probe: Rung
    """Relation of the linear probe's loss to the final loss of ``head_only`` on the same model."""
    probe_shared: float = 0.0
    """Standard deviation of the probe's bias from one data set to the next: it sees a few hundred rows, and how much
    more the rest will teach is the same unknown for every model. One finished model tells it for the others."""
    labels: float = 1.0
    """Labels of the recorded data sets, their geometric mean: where ``Rung.per_label`` counts from."""
    groups: Mapping[str, str] = field(default_factory=dict)
    """Kind -> group; a kind that is not named is a group of its own. All ways to tune an encoder end much alike, while
    a head on the frozen one may end far from them."""
    source: str = ""


@cache
def recorded_experience() -> Experience:
    """The experience that comes with the package."""
    return read_experience(Path(__file__).with_name("experience.json"))


def read_experience(path: Path) -> Experience:
    """An experience file."""
    return parse_experience(json.loads(path.read_text(encoding="utf-8")))


def parse_experience(raw: Mapping[str, Any]) -> Experience:
    """What an experience file says, from its JSON."""
    rungs = {kind: {share: Rung(**one) for share, one in shares.items()} for kind, shares in raw["rungs"].items()}
    plain = {key: value for key, value in raw.items() if key not in ("rungs", "probe")}
    return Experience(rungs=rungs, probe=Rung(**raw["probe"]), **plain)


def kind_of(candidate: Candidate) -> str:
    """``family/method``: what experience is recorded by."""
    return f"{candidate.model.family}/{candidate.method}"


@dataclass(frozen=True, slots=True)
class Observation:
    """Something seen of a candidate's loss."""

    candidate: str
    loss: float
    share: float
    """Share of the full run; 0: the screening's linear probe."""
    model: str = ""
    """With ``share == 0``: the ``family/model`` probed."""


@dataclass(slots=True)
class Posterior:
    """Mean and standard deviation of log final loss, candidate by candidate."""

    candidates: Sequence[Candidate]
    experience: Experience
    n_items: int
    """Validation items: losses below half an item are taken as half an item."""
    n_labels: int = 0
    """Labels to tell apart; 0: unknown, or none."""
    _names: list[str] = field(init=False)
    _mean: npt.NDArray[np.float64] = field(init=False)
    _covariance: npt.NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        """Lay out the prior."""
        e, pool = self.experience, self.candidates
        self._names = [one.name for one in pool]
        lowest = e.level.get("*", 0.0)
        self._mean = np.array([e.base + e.level.get(kind_of(one), lowest) for one in pool])
        families = np.array([one.model.family for one in pool])
        groups = np.array([e.groups.get(kind_of(one), kind_of(one)) for one in pool])
        self._covariance = (
            e.between_data**2
            + e.within_family**2 * (families[:, None] == families)
            + e.within_group**2 * (groups[:, None] == groups)
            + e.own**2 * np.eye(len(pool))
        )

    def given(self, observations: Sequence[Observation]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Posterior (mean, standard deviation) of log final loss, each ``(n_candidates,)``.

        Only the latest rung of a candidate counts: it holds what the earlier ones told. The probe of its model counts
        beside it, for what it tells of the probe.
        """
        latest: dict[tuple[str, bool], Observation] = {}
        for one in observations:
            key = (one.candidate, one.share == 0)
            if key not in latest or one.share >= latest[key].share:
                latest[key] = one
        used = [one for one in latest.values() if one.candidate in self._names]
        if not used:
            return self._mean, np.sqrt(np.diag(self._covariance))
        at = [self._names.index(one.candidate) for one in used]
        relations = [self._relation(one) for one in used]
        seen = np.array([self.log(one.loss) - relation.bias for one, relation in zip(used, relations, strict=True)])
        noise = np.diag([relation.spread**2 for relation in relations])
        probes = np.array([one.share == 0 for one in used])
        noise += self.experience.probe_shared**2 * np.outer(probes, probes)
        cross = self._covariance[:, at]
        gain = np.linalg.solve(self._covariance[np.ix_(at, at)] + noise, cross.T).T
        mean = self._mean + gain @ (seen - self._mean[at])
        variance = np.diag(self._covariance) - np.einsum("ij,ij->i", gain, cross)
        return mean, np.sqrt(np.maximum(variance, 1e-12))

    def log(self, loss: float) -> float:
        """Natural logarithm, with losses below half an item raised to it."""
        return float(np.log(max(loss, 0.5 / max(self.n_items, 1))))

    def _relation(self, one: Observation) -> Rung:
        # A loss counted on n items wobbles by its own sampling error; half of that variance the others share, as models
        # err on the same items.
        wobble = min(float(np.sqrt((1 - min(one.loss, 0.99)) / max(one.loss * self.n_items, 0.5))), 1.0) * 0.5**0.5
        if one.share >= 1:
            return Rung(0.0, max(wobble, 1e-3))
        if one.share == 0:
            return self.experience.probe
        candidate = self.candidates[self._names.index(one.candidate)]
        shares = self.experience.rungs.get(kind_of(candidate)) or self.experience.rungs["*"]
        relation = shares[min(shares, key=lambda share: abs(float(share) - one.share))]
        labels = np.log(self.n_labels / self.experience.labels) if self.n_labels else 0.0
        return Rung(relation.bias + relation.per_label * labels, float(np.hypot(relation.spread, wobble)))


def improvement(
    mean: float, spread: float, *, incumbent: float, resolution: float, alpha: float, saving: float, cost_gap: float
) -> float:
    """Expected money per month that finishing a candidate saves, by quadrature over its log-normal loss.

    Args:
        mean: Posterior mean of log final loss.
        spread: Posterior standard deviation of log final loss.
        incumbent: Loss of the best finished candidate.
        resolution: Loss difference that the validation items can tell apart; a smaller gain is a tie.
        alpha: Money per month that a loss of 1 costs.
        saving: Money per month saved where the two tie and the candidate is the cheaper one (0 where it is not).
        cost_gap: Cost of the candidate minus cost of the incumbent, money per month.
    """
    losses = np.minimum(np.exp(mean + spread * _NODES), 1.0)
    better = np.maximum(alpha * (incumbent - losses - resolution) - cost_gap, 0.0)
    tied = np.abs(incumbent - losses) <= resolution
    return float(_WEIGHTS @ np.where(tied, np.maximum(better, saving), better))


_POINTS, _POINT_WEIGHTS = np.polynomial.hermite_e.hermegauss(41)
_NODES: npt.NDArray[np.float64] = _POINTS
_WEIGHTS: npt.NDArray[np.float64] = _POINT_WEIGHTS / _POINT_WEIGHTS.sum()
