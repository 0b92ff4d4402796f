"""The prior of the race: statistics of recorded races on other data, by kind of candidate and rung."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goldilocks.errors import IntegrityError
from goldilocks.records import Candidate
from goldilocks.support.files import read_object


@dataclass(frozen=True, slots=True)
class Rung:
    """How the loss at a rung relates to the final loss, in natural logarithms."""

    bias: float
    """Mean of log(loss at the rung) - log(final loss)."""
    spread: float
    """Standard deviation of the same among candidates of one data set; what they share is ``Experience.shared``."""
    per_label: float = 0.0
    """By how much the mean grows where there are e times as many labels: more labels leave more to be learnt."""
    loading: float = 1.0
    """How many times the shared effect of the rung counts for this kind: what is near its end at the rung on every data
    set (a head on frozen layers) moves little where the data leave much to be learnt."""


@dataclass(frozen=True, slots=True)
class CandidateExperience:
    """What earlier races on other data showed of one candidate (``family/model/method``)."""

    level: float
    """Expected log final loss, relative to the mean of the data set."""
    variance: float
    """Variance of ``level`` itself, as it was seen on few data sets."""
    factors: tuple[float, ...] = ()
    """Loadings of what data sets do to candidates: the product of two candidates' is their covariance."""


@dataclass(frozen=True, slots=True)
class Experience:
    """The numbers of the prior; standard deviations are of natural logarithms of losses."""

    level: Mapping[str, float]
    """Kind (``family/method``, or ``*``) -> mean of log final loss, relative to the mean of its data set."""
    between_data: float
    """Standard deviation from one data set to the next."""
    within_family: float
    """Standard deviation that members of one family share."""
    within_group: float
    """Standard deviation that candidates of one group share: kinds that end much alike (``groups``)."""
    own: float
    """Standard deviation of a single candidate."""
    base: float
    """Mean of log loss over data sets."""
    rungs: Mapping[str, Mapping[str, Rung]]
    """Kind -> share (as text) -> relation."""
    probe: Rung
    """Relation of the linear probe's loss to the final loss of ``head_only`` on the same model."""
    probe_shared: float = 0.0
    """Standard deviation of the probe's bias from one data set to the next: it is fitted on a few hundred rows, and how
    much the rest will add is the same unknown for every model. One finished model tells it for the others."""
    labels: float = 1.0
    """Labels of the recorded data sets, their geometric mean: where ``Rung.per_label`` counts from."""
    groups: Mapping[str, str] = field(default_factory=dict)
    """Kind -> group; a kind that is not named is a group of its own. All ways to tune an encoder end much alike, while
    a head on the frozen one may end far from them."""
    within_model: float = 0.0
    """Standard deviation that all methods on one model share."""
    shared: Mapping[str, float] = field(default_factory=dict)
    """Share (as text) -> standard deviation, from one data set to the next, of the rung's bias for all networks; with
    ``/rows`` appended, for all candidates not trained by gradient descent (absent: the same)."""
    rung_correlation: float = 0.0
    """Correlation of the ``shared`` effects of the rungs of one run: losses fall by a power law, so a run that is far
    from its end after a tenth is still further from it than others after three tenths."""
    seed_spread: float = 0.057
    """Standard deviation of log loss from one training seed to the next: the median over 35 tasks and six base models
    (20 seeds each) of the published table ``results_model_recycling``."""
    spread_freedom: float = 4.0
    """Degrees of freedom of the prior of the run's own scale of the spreads within it: fewer, heavier tails."""
    candidates: Mapping[str, CandidateExperience] = field(default_factory=dict)
    """Candidate -> what was seen of it; the others have the level of their kind."""
    unseen: float = 0.0
    """Standard deviation about the level of its kind, besides ``own``, of a candidate that is not in ``candidates``."""
    source: str = ""

    def level_of(self, candidate: Candidate) -> float:
        """Expected log final loss of a candidate before anything is known of the data set."""
        known = self.candidates.get(candidate.name)
        kind = self.level.get(kind_of(candidate), self.level.get("*", 0.0))
        return self.base + (kind if known is None else known.level)

    def own_variance(self, candidate: Candidate) -> float:
        """Variance of a single candidate, without ``factors``."""
        known = self.candidates.get(candidate.name)
        return self.own**2 + (self.unseen**2 if known is None else known.variance)

    def factors_of(self, pool: Sequence[Candidate]) -> npt.NDArray[np.float64]:
        """Loadings ``(n_candidates, k)``; 0 for candidates that were not seen."""
        known = [self.candidates.get(candidate.name) for candidate in pool]
        width = max((len(prior.factors) for prior in known if prior is not None), default=0)
        rows = [
            prior.factors if prior is not None and len(prior.factors) == width else (0.0,) * width for prior in known
        ]
        return np.array(rows, dtype=np.float64).reshape(len(pool), width)

    def shared_spread(self, rung: str) -> float:
        """Standard deviation of the effect that candidates share at a rung or at the probe.

        ``/rows``: of candidates not trained by gradient descent.
        """
        if rung == "probe":
            return self.probe_shared
        return self.shared.get(rung, self.shared.get(rung.removesuffix("/rows"), 0.0))


@cache
def recorded_experience() -> Experience:
    """The experience that comes with the package: that of kinds, with that of the bank on top where it has one."""
    bank = Path(__file__).with_name("experience_bank.json")
    return read_experience(bank if bank.is_file() else bank.with_name("experience.json"))


def read_experience(path: Path) -> Experience:
    """An experience file.

    Raises:
        IntegrityError: it is damaged, or of a newer version.
    """
    try:
        return parse_experience(read_object(path))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise IntegrityError(
            f"{path}: is not an experience that this version reads ({error}); restore it, or start again with another "
            "--out."
        ) from error


def parse_experience(raw: Mapping[str, Any]) -> Experience:
    """The experience in the JSON of a file."""
    rungs = {kind: {share: Rung(**rung) for share, rung in shares.items()} for kind, shares in raw["rungs"].items()}
    candidates = {
        name: CandidateExperience(**known | {"factors": tuple(known.get("factors", ()))})
        for name, known in raw.get("candidates", {}).items()
    }
    plain = {key: value for key, value in raw.items() if key not in ("rungs", "probe", "candidates")}
    return Experience(rungs=rungs, probe=Rung(**raw["probe"]), candidates=candidates, **plain)


def kind_of(candidate: Candidate) -> str:
    """``family/method``: what experience is recorded by."""
    return f"{candidate.model.family}/{candidate.method}"
