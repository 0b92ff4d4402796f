"""Where each candidate of a race stands: rungs bought, losses, forecasts and prices."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from goldilocks.records import Candidate, Forecast, Screening, TaskSpec, Trial
from goldilocks.selection.cost import running_cost
from goldilocks.selection.loss_posterior import Experience, Observation, Posterior, improvement, recorded_experience
from goldilocks.selection.time_correction import pace
from goldilocks.support.machine.hardware import Machine

RUNGS = (0.1, 0.3, 1.0)
"""Shares of a full run at which a candidate can be scored."""


PATIENCE = 0.3
"""A purchase that would take all that is left of the budget must be expected to save this share of the best J so far,
a shorter one as much less as it is shorter. .1, .2 and .3 were tried on six recorded races, each with the experience of
the others: they found the same candidates, .3 in the fewest seconds; .5 and 1 had found worse ones."""


@dataclass(slots=True)
class Standings:
    """The state of the race, as policies see it (``protocols.Race``). Also made from recorded curves, in ``replay``."""

    pool: Sequence[Candidate]
    forecasts: Mapping[str, Forecast]
    """Candidate -> what its full run is predicted to take."""
    spec: TaskSpec
    machine: Machine
    n_items: int
    """Validation items."""
    n_labels: int = 0
    """Labels to tell apart; 0: unknown, or none."""
    screening: Screening | None = None
    trials: list[Trial] = field(default_factory=list)
    left: float = float("inf")
    seed: int = 0
    rungs: Sequence[float] = RUNGS
    patience: float = PATIENCE
    experience: Experience = field(default_factory=recorded_experience)
    begun_before: set[str] = field(default_factory=set)
    """Candidates whose run was begun by another process: what it kept of frozen layers is gone, they run again."""
    dropped: Collection[str] = ()
    """Candidates that fell out: nobody buys them; what they showed still tells of their relatives."""
    posterior: Posterior = field(init=False)
    _by_name: dict[str, Candidate] = field(init=False)
    _forecasts: tuple[int, dict[str, tuple[float, float]]] = field(init=False, default=(-1, {}))

    def __post_init__(self) -> None:
        """Lay out the prior."""
        self._by_name = {one.name: one for one in self.pool}
        self.posterior = Posterior(self.pool, self.experience, self.n_items, self.n_labels)

    # ------------------------------------------------------------------------------------------ what policies are shown

    @property
    def candidates(self) -> Sequence[str]:
        """Names of those that can be bought, in the order of the pool."""
        return [name for name in self._by_name if name not in self.dropped]

    @property
    def seconds_left(self) -> float:
        """What is left of the budget."""
        return self.left

    def hurdle(self, seconds: float) -> float:
        """Money per month that a purchase of so many seconds must be expected to save.

        Their price, spread over the horizon, and what the user's patience is worth: see ``PATIENCE``.
        """
        prices = self.spec.prices
        hour = prices.labour_hour + (prices.cpu_hour if self.machine.device == "cpu" else prices.gpu_hour)
        best = self._best_finished()
        waiting = self.patience * best[1] * seconds / max(self.left, 1e-9) if best else 0.0
        return seconds * hour / 3600 / self.spec.objective.horizon_months + waiting

    def bought(self, candidate: str) -> int:
        """How many rungs the candidate has."""
        return max((one.rung + 1 for one in self.trials if one.candidate == candidate), default=0)

    def losses(self, candidate: str) -> dict[int, float]:
        """Rung -> validation loss."""
        return {one.rung: one.loss for one in self.trials if one.candidate == candidate}

    def forecast(self, candidate: str) -> tuple[float, float]:
        """Mean and standard deviation of the loss the candidate would end with."""
        mean, spread = self._log_forecasts()[candidate]
        level = float(np.exp(mean + spread**2 / 2))
        return level, level * float(np.sqrt(np.expm1(spread**2)))

    def price(self, candidate: str, rung: int) -> float:
        """Predicted seconds from where the candidate stands up to and including ``rung``."""
        mine = [one for one in self.trials if one.candidate == candidate]
        done = max((one.share for one in mine), default=0.0)
        full = self._full_seconds(candidate, mine)
        behind = self.forecasts[candidate].behind
        again = self.forecasts[candidate].once if candidate in self.begun_before and self.rungs[rung] > done else 0.0
        return (max(behind(self.rungs[rung]) - behind(done), 0.0) + again) * full

    def value(self, candidate: str) -> float:
        """Money per month that finishing this candidate is expected to save, beyond what the data can tell apart."""
        alpha = self.spec.objective.alpha
        best = self._best_finished()
        mean, spread = self._log_forecasts()[candidate]
        if best is None:  # nothing is finished: anything is worth what it saves over answering at random
            return alpha * max(1 - float(np.exp(mean)), 0.0) + 1.0
        name, _, loss = best
        gap = self._running_cost(candidate) - self._running_cost(name)
        return improvement(
            mean,
            spread,
            incumbent=loss,
            # One standard error of a paired difference between two models that agree on most items.
            resolution=float(np.sqrt(max(loss * (1 - loss), 1e-6) / self.n_items)),
            alpha=alpha,
            saving=max(-gap, 0.0),
            cost_gap=gap,
        )

    # -------------------------------------------------------------------------------------------------------- inside

    def _best_finished(self) -> tuple[str, float, float] | None:
        """(name, J, loss) of the best finished candidate."""
        finished = [one for one in self.trials if one.share >= 1 and one.candidate not in self.dropped]
        if not finished:
            return None
        scored = [(self._running_cost(one.candidate) + self.spec.objective.alpha * one.loss, one) for one in finished]
        price, best = min(scored, key=lambda pair: pair[0])
        return best.candidate, price, best.loss

    def _running_cost(self, candidate: str) -> float:
        def cost(one: Trial) -> float:
            return running_cost(one.seconds_per_text, self.spec, self.machine, one.usage)

        seen = [one for one in self.trials if one.candidate == candidate]
        # Not run yet: hope for the cheapest seen, so that nobody is passed over for a cost that was never measured.
        return cost(seen[-1]) if seen else min(map(cost, self.trials), default=0.0)

    def _full_seconds(self, candidate: str, mine: Sequence[Trial]) -> float:
        if mine:
            behind = self.forecasts[candidate].behind(max(one.share for one in mine))
            return sum(one.seconds for one in mine) / behind
        # What others of the family took, against what was predicted, corrects the prediction.
        family = self._by_name[candidate].model.family
        took: dict[str, float] = {}
        done: dict[str, float] = {}
        for one in self.trials:
            if self._by_name[one.candidate].model.family == family:
                took[one.candidate] = took.get(one.candidate, 0.0) + one.seconds
                done[one.candidate] = max(done.get(one.candidate, 0.0), one.share)
        whole = self.forecasts
        predicted = {name: whole[name].behind(share) * whole[name].seconds for name, share in done.items()}
        return whole[candidate].seconds * pace(took, predicted)

    def _log_forecasts(self) -> dict[str, tuple[float, float]]:
        if self._forecasts[0] != len(self.trials):
            mean, spread = self.posterior.given(self._observations())
            names = [one.name for one in self.pool]
            self._forecasts = (
                len(self.trials),
                dict(zip(names, zip(mean.tolist(), spread.tolist(), strict=True), strict=True)),
            )
        return self._forecasts[1]

    def _observations(self) -> list[Observation]:
        seen = [Observation(one.candidate, one.loss, one.share) for one in self.trials]
        for look in self.screening.looks if self.screening else ():
            seen.append(Observation(f"{look.model}/head_only", look.probe_loss, 0.0))
        return seen
