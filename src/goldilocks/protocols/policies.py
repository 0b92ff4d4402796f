"""Policies of the race, policies/NAME.py, and the state that they decide from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from goldilocks.answers import Floats


@dataclass(frozen=True, slots=True)
class Schedules:
    """Shorter training schedules with which candidates can be finished, as arrays with one entry a candidate."""

    shares: Floats
    """Share of its schedule that a candidate would have, were it finished now: 1 where all of it fits, or none does,
    ``(n,)``."""
    least: Floats
    """Predicted seconds of the budget that finishing it needs with the shortest schedule that it may have, ``(n,)``."""
    least_savings: Floats
    """Money over the horizon that finishing it with that schedule is expected to save, ``(n,)``."""
    elastic: npt.NDArray[np.bool_]
    """Whether the schedule was made to take what is left, so that time for the shortest is enough to reserve,
    ``(n,)``."""


@dataclass(frozen=True, slots=True)
class Purchases:
    """All that can be bought in a race, as arrays: one row a candidate that is not finished, one column a rung."""

    candidates: tuple[str, ...]
    seconds: Floats
    """Predicted seconds from the candidate's current rung up to and including the rung, ``(n, rungs)``; 0 where it has
    the rung."""
    whole: Floats
    """Predicted seconds of the budget that finishing the candidate needs, ``(n,)``: with the part of what follows the
    race, were it the winner, for which nothing is reserved yet."""
    time_error: Floats
    """Standard deviation of the logarithm of ``whole``, ``(n,)``: small once a run has begun and its pace is known."""
    savings: Floats
    """Money over the horizon by which the score at the rung is expected to lower J of the best candidate, provided that
    the candidate is then finished where the score is good, ``(n, rungs)``; 0 where it has the rung."""
    promising: Floats
    """Probability that the score at the rung will be good: that the candidate's expected J is then below that of the
    best finished one, ``(n, rungs)``."""
    schedules: Schedules | None = None
    """Shorter schedules, which seconds and savings at the last rung, and ``whole``, are then of; ``None``: every
    candidate has its full one."""
    scoring: Floats | None = None
    """Predicted seconds of scoring a candidate once, ``(n,)``: part of the seconds of each rung, so that finishing from
    a rung takes them again; ``None``: no time."""


@dataclass(frozen=True, slots=True)
class Repeats:
    """Finished candidates that can be trained again with another seed, as arrays with one entry a candidate."""

    candidates: tuple[str, ...]
    seconds: Floats
    """Predicted seconds of the whole run, ``(n,)``."""
    savings: Floats
    """Money over the horizon by which the mean over one more seed is expected to lower J of the best candidate: 0 where
    no seed could change which candidate that is, ``(n,)``."""


class Race(Protocol):
    """The state of a race that a policy decides from. Losses are those of the task's metric."""

    @property
    def candidates(self) -> Sequence[str]:
        """Names of those that can be bought or are finished, in the order of the pool."""

    @property
    def rungs(self) -> Sequence[float]:
        """Shares of the full run at which a candidate can be scored, in ascending order, the last is 1."""

    def bought(self, candidate: str) -> int:
        """Number of rungs that the candidate was trained to, 0 (not begun) to ``len(rungs)`` (finished)."""

    def losses(self, candidate: str) -> Mapping[int, float]:
        """Rung -> validation loss, for each rung the candidate was scored at (rungs may be skipped)."""

    def parameters(self, candidate: str) -> int:
        """Weights of the candidate's model, embeddings included."""

    def forecast(self, candidate: str) -> tuple[float, float]:
        """Posterior mean and standard deviation of the candidate's loss at the end of its run, 0 to 1."""

    def price(self, candidate: str, rung: int) -> float:
        """Predicted seconds from the candidate's last rung up to and including ``rung`` (from 0)."""

    def purchases(self) -> Purchases:
        """All that can be bought, with prices and expected savings."""

    def repeats(self) -> Repeats:
        """Further seeds that can be bought; naming a finished candidate in ``Policy.choose`` buys one."""

    def saving_of_all(self, candidates: Sequence[str]) -> float:
        """Money over the horizon that finishing all of these is expected to save, as the best of them would be used."""

    @property
    def best(self) -> str | None:
        """The finished candidate with the lowest expected J; ``None``: none is finished."""

    @property
    def reserved(self) -> str | None:
        """The pretrained candidate for whose full run time is reserved: the one with the lowest expected J among those
        that are finished or still fit into the budget; ``None``: it is finished, or there is none.
        """

    @property
    def seconds_left(self) -> float:
        """What is left of the budget, less the time for the steps after the race."""

    @property
    def restart_seconds(self) -> float:
        """What a resumed search takes of its budget before it buys again: it reads the data once more."""

    @property
    def second_price(self) -> float:
        """Money that a second of the search costs: the price of waiting, and of the machine."""

    @property
    def indifference(self) -> float:
        """``objective.indifference``: money per month within which candidates count as equally good; 0: none."""

    @property
    def horizon_months(self) -> float:
        """``objective.horizon_months``: months over which costs and savings are counted."""

    @property
    def currency(self) -> str:
        """Currency of all amounts."""

    @property
    def seed(self) -> int:
        """For randomised policies."""


class Policy(Protocol):
    """policies/NAME.py: which purchase the race makes next."""

    @property
    def SOURCE(self) -> str:  # noqa: N802
        """Paper the policy follows, and where we differ."""

    def choose(self, race: Race) -> tuple[str, int, str] | None:
        """(candidate, rung to run it up to, reason), or ``None`` to stop. A pure function of the race's state.

        A candidate that is finished is run again with another seed (one of ``Race.repeats``, to the last rung).
        """


@runtime_checkable
class ExplainsStopping(Protocol):
    """A policy (besides ``Policy``) that may stop before everything is bought, and says why."""

    def stopped(self, race: Race) -> str:
        """Why ``choose`` returns ``None`` for this state, in words: "the budget ended"."""
