"""Second seeds: how far a loss varies with the training seed, and what another seed of a finished candidate is worth.

A second seed trains a finished candidate again from scratch; nothing differs but the seed. The candidate's loss is then
estimated by the mean over its seeds. The prior of the variation is that of published runs
(``Experience.seed_spread``); every candidate with two seeds corrects it for all, as it is a property of the data and
the schedule more than of the candidate.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from goldilocks import plugins
from goldilocks.protocols import FitsInClosedForm
from goldilocks.records import Candidate, TrainingConfig

Floats = npt.NDArray[np.float64]

MAX_SEEDS = 3
"""Seeds that a race buys of a candidate at most: the third halves a standard error that is small by then."""
_PRIOR_FREEDOM = 1.0
"""Degrees of freedom of the prior: published spreads differ tenfold between tasks, so a pair of runs counts as much."""


def depends_on_seed(candidate: Candidate) -> bool:
    """Whether another training seed gives another model: it does where weights are trained by gradient descent.

    Counts, linear models and prompts are fitted in a single pass (the few that draw samples are taken to be
    deterministic too), and an endpoint is never asked twice for the same answers.
    """
    info = candidate.model
    if info.remote or not set(info.groups) - {"prompt"}:
        return False
    return _trains(candidate.method)


@cache
def _trains(method_name: str) -> bool:
    """Whether a method is gradient descent."""
    method = plugins.load("methods", method_name)
    if isinstance(method, FitsInClosedForm):
        return False
    return method.training_config(TrainingConfig(1.0, 1e-3, 1e-3)) is not None


@dataclass(frozen=True, slots=True)
class SeedSpread:
    """How far the loss of a candidate varies from one training seed to the next, as a share of the loss."""

    relative: float
    """Standard deviation of the natural logarithm of the loss, the noise of the validation items taken out."""
    freedom: float
    """Degrees of freedom of the estimate, the prior's included."""

    def error(self, loss: float, seeds: int) -> float:
        """Standard error of a mean loss over this many seeds, in the unit of the loss."""
        return loss * self.relative / math.sqrt(max(seeds, 1))


@dataclass(frozen=True, slots=True)
class SeedPair:
    """The losses of two seeds of one candidate on the same items."""

    first: float
    second: float
    item_variance: float
    """Variance of the difference of the two by the choice of items."""

    @property
    def relative_square(self) -> float:
        """Estimate of the squared ``SeedSpread.relative``, at least 0.

        Example: losses of .10 and .14 on items that explain a difference of .02
            >>> round(SeedPair(0.10, 0.14, 0.02**2).relative_square, 4)
            0.0417
        """
        mean = (self.first + self.second) / 2
        if mean <= 0:
            return 0.0
        return max((self.first - self.second) ** 2 - self.item_variance, 0.0) / (2 * mean**2)


def learnt_spread(prior: float, pairs: Iterable[SeedPair]) -> SeedSpread:
    """The prior spread, corrected by pairs of seeds: a scaled inverse chi-squared posterior.

    Args:
        prior: ``Experience.seed_spread``.
        pairs: One for each seed beyond the first of a candidate.

    Example: one pair counts as much as the prior.
        >>> round(learnt_spread(0.06, [SeedPair(0.10, 0.14, 0.0)]).relative, 3)
        0.172
    """
    squares = [pair.relative_square for pair in pairs]
    freedom = _PRIOR_FREEDOM + len(squares)
    return SeedSpread(float(((_PRIOR_FREEDOM * prior**2 + sum(squares)) / freedom) ** 0.5), freedom)


def spread_of_run(
    prior: float, first_losses: Mapping[str, float], further: Mapping[str, Sequence[float]], n_items: int
) -> SeedSpread:
    """The spread that a run tells by its candidates with several seeds.

    Args:
        prior: ``Experience.seed_spread``.
        first_losses: Candidate -> loss of its first run.
        further: Candidate -> losses of its further seeds.
        n_items: Validation items.
    """
    known = [name for name in further if name in first_losses]
    pairs = (pair for name in known for pair in pairs_of([first_losses[name], *further[name]], n_items=n_items))
    return learnt_spread(prior, pairs)


def pairs_of(losses: Sequence[float], item_losses: Sequence[Floats] = (), *, n_items: int = 0) -> list[SeedPair]:
    """Each further seed with the first.

    Args:
        losses: Losses of the seeds of one candidate, in the order they were bought.
        item_losses: Losses per item of the same seeds, each ``(n_items,)``; absent: the variance is that of counting on
            ``n_items``, of which two seeds of one model share three quarters.
        n_items: Validation items.
    """
    pairs = []
    for place in range(1, len(losses)):
        if item_losses:
            difference = item_losses[place] - item_losses[0]
            variance = float(np.var(difference, ddof=1)) / len(difference) if len(difference) > 1 else 0.0
        else:
            mean = (losses[0] + losses[place]) / 2
            variance = 2 * _NOT_SHARED * mean * (1 - min(mean, 1.0)) / max(n_items, 1)
        pairs.append(SeedPair(losses[0], losses[place], variance))
    return pairs


_NOT_SHARED = 0.25
"""By judgement: two seeds of one model err on the same items but for a quarter of the variance. The decision takes it
from the answers."""


def movement(spread: float, own: float, seeds: npt.NDArray[np.int64]) -> Floats:
    """By how much another seed would move the mean log loss of candidates: its standard deviation, ``(n,)``.

    Args:
        spread: ``SeedSpread.relative``.
        own: Standard deviation of what a candidate has of its own, which says how far its one run can be off.
        seeds: Seeds that each has, ``(n,)``.

    Example: of candidates that may be anywhere, the mean of two runs is a deviation over root 2 from the first.
        >>> round(float(movement(0.1, 100.0, np.array([1]))[0]), 4)
        0.0707
    """
    variance = 1 / (1 / max(own, 1e-6) ** 2 + seeds / max(spread, 1e-9) ** 2)
    return np.asarray(variance / np.sqrt(variance + spread**2))


def saved_by_seed(expected: Floats, moved: Floats, best: int) -> Floats:
    """Money per month that another seed of each candidate is expected to save, by changing which one is the best.

    Args:
        expected: Expected J of the finished candidates, ``(n,)``.
        moved: Standard deviation by which another seed would move the J of each, ``(n,)``.
        best: Position of the one that is chosen now.

    Source:
        Frazier, Powell & Dayanik 2008, the knowledge gradient of one more measurement: sigma * f(-|gap| / sigma) with
        f(z) = z * Phi(z) + phi(z), the gap to the best, for the best itself to the second.
    """
    if len(expected) < 2:
        return np.zeros(len(expected))
    others = np.delete(expected, best)
    gap = np.abs(expected - expected[best])
    gap[best] = max(float(others.min() - expected[best]), 0.0)
    z = -gap / np.maximum(moved, 1e-12)
    density = np.exp(-0.5 * z**2) / (2 * np.pi) ** 0.5
    return np.where(moved > 0, moved * (z * ndtr(z) + density), 0.0)


def seeds_in(failed: Iterable[str], candidate: str) -> bool:
    """Whether a second seed of a candidate failed: another is not bought."""
    return any(name.startswith(f"{candidate} (seed ") for name in failed)


def seed_name(candidate: str, repeat: int) -> str:
    """What a further seed of a candidate is called where failures are recorded."""
    return f"{candidate} (seed {repeat + 1})"


def seeds_available(candidates: Sequence[Candidate]) -> Mapping[str, int]:
    """Candidate -> seeds that a race may buy of it; those that do not depend on the seed are left out."""
    return {candidate.name: MAX_SEEDS for candidate in candidates if depends_on_seed(candidate)}
