"""The state of a race: rungs bought, losses, prices and what purchases are expected to save.

What the trials have shown is kept as arrays over the pool (``race_evidence.py``), and what follows from it is made once
for each state, so that one step of a race costs the same whether it is the first or the hundredth.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from goldilocks.catalog.planned_schedules import PlannedForecasts, PlannedSchedules
from goldilocks.protocols import Purchases, Repeats, Schedules
from goldilocks.records import Candidate, Forecast, Screening, ShortSchedule, TaskSpec, Trial
from goldilocks.selection import savings
from goldilocks.selection.cost import machine_hour, with_estimates
from goldilocks.selection.experience import Experience, recorded_experience
from goldilocks.selection.purchase_times import PurchaseTimes
from goldilocks.selection.race_evidence import RaceEvidence
from goldilocks.selection.race_view import View, best_finished
from goldilocks.selection.seeds import SeedSpread, movement, saved_by_seed, seeds_in, spread_of_run
from goldilocks.selection.shorter_finish import MARGIN, SHORTFALL, RunTimes, ShortenedRuns, finishes
from goldilocks.support.machine.hardware import Machine

Floats = npt.NDArray[np.float64]
_Mask = npt.NDArray[np.bool_]

RUNGS = (0.1, 0.3, 1.0)
"""Shares of a full run at which a candidate can be scored."""
_TIME_ERRORS = 0.1, 0.4
"""By judgement: standard deviation of log seconds of a run that has begun, and of one that has not."""
_MIN_ALPHA = 1e-9
"""Stands for a price of an error of 0, which leaves costs alone to decide."""
_PLAN = 64
"""Maximum number of candidates considered for a plan: with more the best plan hardly improves."""


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
    """Number of labels; 0: unknown, or none."""
    screening: Screening | None = None
    trials: list[Trial] = field(default_factory=list)
    """The purchases so far; append to it."""
    left: float = float("inf")
    """Seconds of the budget that are left."""
    restart_seconds: float = 0.0
    """What a resumed search takes before it buys again."""
    seed: int = 0
    rungs: Sequence[float] = RUNGS
    experience: Experience = field(default_factory=recorded_experience)
    begun_before: set[str] = field(default_factory=set)
    """Candidates whose run was begun by another process: the kept output of frozen layers is gone, they run again."""
    excluded: Collection[str] = ()
    """Candidates that failed: they cannot be bought; their scores are still evidence about related ones."""
    chance: float | None = None
    """Loss of the majority answer; ``None``: taken from the family ``majority`` once it has run."""
    pending: dict[str, int] = field(default_factory=dict)
    """Candidate -> rung that a worker is running it up to. Counted at its expected outcome: the forecast does not move,
    and a candidate on its way to the last rung counts as finished with its expected loss. (The posterior of others
    stays as wide as it is: a batch of purchases is a little less varied than it might be.)"""
    after: Mapping[str, float] = field(default_factory=dict)
    """Candidate -> seconds of what follows the race beyond what is reserved for it, were this the winner."""
    workers: int = 1
    """Purchases that run at once, which share the price of waiting."""
    seeds: Mapping[str, int] = field(default_factory=dict)
    """Candidate -> training seeds that can be bought of it, the first included; absent: one."""
    short_schedules: Mapping[str, ShortSchedule] = field(default_factory=dict)
    """Candidate -> its schedule, where that was shortened to fit the budget."""
    shortenable: Collection[str] = ()
    """Candidates that may be finished with fewer epochs, where not all of them fit into what is left."""
    late_shares: Floats = field(init=False)
    """How much training runs have that were planned late, as a share of what is usual for this budget, ``(n,)``."""
    evidence: RaceEvidence = field(init=False)
    """What the screening and the trials have shown."""
    _names: list[str] = field(init=False)
    _place: dict[str, int] = field(init=False)
    _models: npt.NDArray[np.int64] = field(init=False)
    """Number of each candidate's model."""
    _families: npt.NDArray[np.int64] = field(init=False)
    """Number of each candidate's family."""
    _times: PurchaseTimes = field(init=False)
    _pretrained: _Mask = field(init=False)
    _prices: tuple[tuple[Any, ...], Floats] | None = field(init=False, default=None)
    """The prices last made, with their state."""
    _masks_of: tuple[tuple[Any, ...], tuple[_Mask, _Mask]] | None = field(init=False, default=None)
    """Which candidates are finished and open, with the state it was made for."""
    _view_of: tuple[tuple[Any, ...], View] | None = field(init=False, default=None)
    """The view last made, with the state it was made for."""
    _finishes_of: tuple[tuple[Any, ...], tuple[Any, ...], ShortenedRuns] | None = field(init=False, default=None)
    """The finishes last made, with the state and the objects they were made from."""
    _shortenable_of: tuple[Collection[str], _Mask] | None = field(init=False, default=None)
    """Which candidates are in ``shortenable``, with the collection."""

    def __post_init__(self) -> None:
        """Lay out the arrays and the prior."""
        pool = self.pool
        self._names = [candidate.name for candidate in pool]
        self.evidence = RaceEvidence(
            pool, self.machine, self.experience, self.screening, self.n_items, self.n_labels, self.chance
        )
        self._place = self.evidence.place
        models = [name.rpartition("/")[0] for name in self._names]
        self._models = np.unique(models, return_inverse=True)[1].astype(np.int64)
        families = [candidate.model.family for candidate in pool]
        self._families = np.unique(families, return_inverse=True)[1].astype(np.int64)
        self._pretrained = np.array([candidate.model.pretrained for candidate in pool], dtype=bool)
        self.reschedule(self.short_schedules, self.forecasts, np.ones(len(pool)))

    # ---------------------------------------------------------------------------------------------- protocols.Race

    @property
    def candidates(self) -> Sequence[str]:
        """Names of those that did not fail and are not in flight, in the order of the pool."""
        out = {*self.excluded, *self.pending}
        return [name for name in self._place if name not in out]

    @property
    def seconds_left(self) -> float:
        """What is left of the budget for purchases; a footprint is taken as soon as a candidate is finished."""
        return self.left

    @property
    def second_price(self) -> float:
        """Money that a second of one purchase costs: its part of the price of waiting, and the machine's."""
        waiting = self.spec.prices.waiting_hour / max(self.workers, 1)
        return (waiting + machine_hour(self.spec, self.machine)) / 3600

    @property
    def indifference(self) -> float:
        """Money per month that does not matter to the user."""
        return self.spec.objective.indifference

    @property
    def horizon_months(self) -> float:
        """Months that a decision holds for."""
        return self.spec.objective.horizon_months

    @property
    def currency(self) -> str:
        """Currency of all amounts."""
        return self.spec.objective.currency

    def bought(self, candidate: str) -> int:
        """How many rungs the candidate has, one in flight included."""
        self._catch_up()
        return max(int(self.evidence.done[self._place[candidate]]), self.pending.get(candidate, -1) + 1)

    def losses(self, candidate: str) -> dict[int, float]:
        """Rung -> validation loss."""
        self._catch_up()
        return dict(self.evidence.losses.get(candidate, {}))

    def parameters(self, candidate: str) -> int:
        """Weights of the candidate's model, embeddings included."""
        return self.pool[self._place[candidate]].model.parameters

    def forecast(self, candidate: str) -> tuple[float, float]:
        """Mean and standard deviation of the loss the candidate would end with."""
        self._catch_up()
        place = self._place[candidate]
        mean, spread = (float(values[place]) for values in self.evidence.posterior.moments())
        level = float(np.exp(mean + spread**2 / 2))
        return level, level * float(np.sqrt(np.expm1(spread**2)))

    def price(self, candidate: str, rung: int) -> float:
        """Predicted seconds from the candidate's current rung up to and including ``rung``."""
        self._catch_up()
        place = self._place[candidate]
        if rung == len(self.rungs) - 1:
            return float(self._finishes().seconds[place])
        return float(self._seconds()[place, rung])

    def schedule_share(self, candidate: str) -> float:
        """Share of its schedule that the candidate would have, were it finished now; 1: all of it."""
        self._catch_up()
        return float(self._finishes().shares[self._place[candidate]])

    def least_to_finish(self, candidate: str, shortest: float | None) -> tuple[float, float]:
        """Seconds in which a search would finish a candidate with its shortest schedule, with a margin for its pace.

        Args:
            candidate: One that is not finished.
            shortest: Forecast seconds of its shortest schedule, if it has not begun; ``None``: it has the planned one.

        Returns:
            The seconds, and the share of its planned schedule that it would have, if it has begun; else 1.
        """
        self._catch_up()
        place, ends = self._place[candidate], self._finishes()
        planned = float(self._seconds()[place, -1])
        if self.evidence.done[place] > 0:
            least = float(ends.least[place] - self._beside()[place]) * (1 + MARGIN)
            return (least, float(ends.least_shares[place])) if least < planned else (planned, 1.0)
        if shortest is None:
            return planned, 1.0
        ratio = float(self._times.ratios(self.evidence.done, self.evidence.spent)[place])
        return min(shortest * ratio * (1 + MARGIN) + float(self.evidence.answers.seconds()[place]), planned), 1.0

    def purchases(self) -> Purchases:
        """All that can be bought, with prices and expected savings."""
        self._catch_up()
        open_ = np.flatnonzero(self._masks()[1])
        view, names, ends = self._view(), self._names, self._finishes()
        seconds, savings, promising = self._seconds()[open_], view.saved[open_], view.promising[open_]
        seconds[:, -1] = ends.seconds[open_]
        schedules, parts = None, self._parts()[open_]
        less = np.flatnonzero(parts < 1)
        savings[less, -1], promising[less, -1] = self._saved_by(open_[less], parts[less])
        savings[less, :-1] = np.minimum(savings[less, :-1], savings[less, -1:])
        if self.shortenable:
            short = np.flatnonzero(ends.shares[open_] < 1)
            # A rung that the shorter run would not reach well before its end is no purchase of its own.
            beyond = np.array(self.rungs[:-1]) > ends.shares[open_[short], None] / 2
            savings[short, :-1] = np.where(beyond, 0.0, savings[short, :-1])
            least_savings = savings[:, -1].copy()
            least_savings[short] = self._saved_by(open_[short], ends.least_shares[open_[short]])[0]
            schedules = Schedules(ends.shares[open_], ends.least[open_], least_savings, self._elastic(ends)[open_])
        return Purchases(
            candidates=tuple(map(names.__getitem__, open_.tolist())),
            seconds=seconds,
            whole=ends.whole[open_],
            time_error=np.where(self.evidence.done[open_] > 0, *_TIME_ERRORS),
            savings=savings,
            promising=promising,
            schedules=schedules,
            scoring=self.evidence.answers.seconds()[open_],
        )

    def repeats(self) -> Repeats:
        """Further seeds of finished candidates; see ``protocols.Race``."""
        self._catch_up()
        finished = np.flatnonzero(self._finished())
        had = np.array(
            [1 + len(self.evidence.repeats.get(self._names[place], ())) for place in finished], dtype=np.int64
        )
        offered = [
            number
            for number, place in enumerate(finished.tolist())
            if had[number] < self.seeds.get(self._names[place], 1)
            and self._names[place] not in self.evidence.shortened  # another seed would have another schedule
            and self._names[place] not in self.pending
            and not seeds_in(self.excluded, self._names[place])
        ]
        view = self._view()
        if not offered or view.best is None:
            return Repeats((), np.zeros(0), np.zeros(0))
        expected = view.expected[finished]
        own = float(np.hypot(self.experience.own, self.experience.within_model))
        level = np.maximum(expected - view.costs[finished], 0.0)  # money that the errors cost
        moved = level * movement(self.seed_spread.relative, own, had)
        offer = [self._names[place] in self.seeds for place in finished.tolist()]
        monthly = saved_by_seed(expected, np.where(offer, moved, 0.0), finished.tolist().index(view.best[0]))
        places = finished[offered]
        return Repeats(
            candidates=tuple(self._names[place] for place in places.tolist()),
            seconds=self.evidence.spent[places] + self.evidence.answers.seconds()[places],
            savings=monthly[offered] * self.horizon_months,
        )

    @property
    def seed_spread(self) -> SeedSpread:
        """How far losses vary from seed to seed, as far as this run tells."""
        self._catch_up()
        return spread_of_run(self.experience.seed_spread, self.evidence.first_runs, self.evidence.repeats, self.n_items)

    def saving_of_all(self, candidates: Sequence[str]) -> float:
        """Money over the horizon that finishing all of these is expected to save, as the best of them would be used."""
        self._catch_up()
        view = self._view()
        best, costs = view.best, view.costs
        if best is None or not candidates:
            return 0.0
        mean, spread = self.evidence.posterior.moments()
        places = np.array([self._place[name] for name in candidates])
        mean = mean.copy()
        mean[places] += SHORTFALL * self.evidence.posterior.remaining(places, self._parts()[places])
        if len(places) > _PLAN:
            each = savings.shortfall((best[1] - costs[places]) / self._alpha, mean[places], spread[places])
            places = places[np.argsort(-each, kind="stable")[:_PLAN]]
        monthly = savings.expected_best(best[1], costs[places], self._alpha, mean[places], spread[places])
        return monthly * self.horizon_months

    @property
    def best(self) -> str | None:
        """The finished candidate with the lowest expected J; ``None``: none is finished."""
        self._catch_up()
        best = self._view().best
        return None if best is None else self.pool[best[0]].name

    @property
    def reserved(self) -> str | None:
        """The pretrained candidate for whose full run time is reserved; see ``protocols.Race``."""
        self._catch_up()
        finished = self._finished()
        ends = self._finishes()
        needed = np.where(self._elastic(ends), ends.least, ends.whole)
        fits = needed * (1 + np.where(self.evidence.done > 0, *_TIME_ERRORS)) <= self.seconds_left
        eligible = np.flatnonzero(self._pretrained & (finished | (self._masks()[1] & fits)))
        if len(eligible) == 0:
            return None
        place = int(eligible[np.argmin(self._view().expected[eligible])])
        return None if finished[place] else self.pool[place].name

    def value(self, candidate: str) -> float:
        """Money per month that finishing this candidate is expected to save; of a finished one, another seed of it."""
        self._catch_up()
        if self.evidence.done[self._place[candidate]] >= len(self.rungs):
            offered = self.repeats()
            saving = dict(zip(offered.candidates, offered.savings.tolist(), strict=True)).get(candidate, 0.0)
            return float(saving / self.horizon_months)
        place = self._place[candidate]
        part = self._parts()[place]
        saved = self._saved_by(np.array([place]), np.array([part]))[0][0] if part < 1 else self._view().saved[place, -1]
        return float(saved) / self.horizon_months

    # ---------------------------------------------------------------------------------------- schedules made on the way

    @property
    def place(self) -> Mapping[str, int]:
        """Candidate -> its place in the pool."""
        return self._place

    def not_begun(self) -> _Mask:
        """Which candidates have no rung and are not on their way to one, ``(n,)``."""
        self._catch_up()
        return np.asarray((self.evidence.done == 0) & self._masks()[1])

    def room(self) -> Floats:
        """Seconds that a run which begins now could train, as forecasts count them at the pace seen, ``(n,)``."""
        self._catch_up()
        left = np.maximum(self.left - self.evidence.answers.seconds() - self._beside(), 0.0)
        return np.asarray(left / ((1 + MARGIN) * self._times.ratios(self.evidence.done, self.evidence.spent)))

    def answering(self, candidate: str) -> float:
        """Predicted seconds of scoring a candidate once; 0 where nothing is known of its model."""
        self._catch_up()
        return float(self.evidence.answers.seconds()[self._place[candidate]])

    def reschedule(
        self, schedules: Mapping[str, ShortSchedule], forecasts: Mapping[str, Forecast], late_shares: Floats
    ) -> None:
        """Give candidates that have not begun other schedules, with the forecasts of these and ``late_shares``."""
        self.short_schedules, self.forecasts, self.late_shares = schedules, forecasts, late_shares
        planned = PlannedForecasts.of(self._place, forecasts)
        self._times, self._prices = PurchaseTimes.of(planned, self._families, self.rungs), None

    # -------------------------------------------------------------------------------------------------------- arrays

    def _catch_up(self) -> None:
        if self.evidence.n_trials != len(self.trials):
            self.evidence.catch_up(self.trials, self.spec, self.short_schedules, self.forecasts)
            self.chance = self.evidence.chance

    @property
    def _alpha(self) -> float:
        return max(self.spec.objective.alpha, _MIN_ALPHA)

    def _finished(self) -> _Mask:
        return self._masks()[0]

    def _masks(self) -> tuple[_Mask, _Mask]:
        """Which are finished, or will be when what is in flight has ended, and which have rungs that can be bought."""
        state = self._state()
        if self._masks_of is None or self._masks_of[0] != state:
            standing, last = np.ones(len(self.pool), dtype=bool), len(self.rungs) - 1
            standing[[self._place[name] for name in self.excluded if name in self._place]] = False
            done, open_ = self.evidence.done > last, self.evidence.done <= last
            done[[self._place[name] for name, rung in self.pending.items() if rung == last]] = True
            open_[[self._place[name] for name in self.pending]] = False
            self._masks_of = state, (standing & done, standing & open_)
        return self._masks_of[1]

    def _state(self) -> tuple[Any, ...]:
        """What all that is made from the trials depends on."""
        return self.evidence.version, len(self.excluded), self.spec, tuple(self.pending.items())

    def _view(self) -> View:
        state = self._state()
        if self._view_of is None or self._view_of[0] != state:
            costs = with_estimates(self.evidence.cost, self._times.families, self._models)
            means, variances = self.evidence.posterior.by_scale()
            expected = costs + self._alpha * (self.evidence.posterior.weights @ savings.expected_loss(means, variances))
            best = best_finished(np.flatnonzero(self._finished()), expected, self.pool, self._last_loss)
            self._view_of = (state, View(costs, expected, best, *self._savings(best, costs)))
        return self._view_of[1]

    def _last_loss(self, candidate: str) -> float:
        """Loss of a finished candidate; of one on its way to its end, the expected one."""
        measured = self.evidence.losses.get(candidate, {}).get(len(self.rungs) - 1)
        return self.forecast(candidate)[0] if measured is None else measured

    def _savings(self, best: tuple[int, float] | None, costs: Floats) -> tuple[Floats, Floats]:
        """``saved`` and ``promising`` of a view; all 0 where nothing is finished."""
        if best is None:
            nothing = np.zeros((len(self.pool), len(self.rungs)))
            return nothing, nothing
        bar = (best[1] - costs) / self._alpha
        losses, chances = savings.at_each_rung(self.evidence.posterior, bar, self.rungs)
        buyable = self.evidence.done[:, None] <= np.arange(len(self.rungs))
        return np.where(buyable, self._alpha * losses * self.horizon_months, 0.0), np.where(buyable, chances, 0.0)

    def _seconds(self) -> Floats:
        """Predicted seconds from each candidate's current rung to each rung, ``(n, rungs)``."""
        state = (self.evidence.version, len(self.begun_before))
        if self._prices is None or self._prices[0] != state:
            again = [self._place[name] for name in self.begun_before if name in self._place]
            ahead = self.evidence.done[:, None] <= np.arange(len(self.rungs))
            scoring = np.where(ahead, self.evidence.answers.seconds()[:, None], 0.0)
            self._prices = (state, self._times.to_each_rung(self.evidence.done, self.evidence.spent, again) + scoring)
        return self._prices[1]

    def _finishes(self) -> ShortenedRuns:
        """How each candidate would be finished in what is left, with its whole schedule or a shorter one."""
        made_from = (self._times, self.short_schedules, self.late_shares, self.shortenable, self.after)
        state = (self.evidence.version, len(self.begun_before), self.left)
        if self._finishes_of is not None:
            before, objects, ends = self._finishes_of
            if before == state and all(map(operator.is_, objects, made_from)):
                return ends
        again = [self._place[name] for name in self.begun_before if name in self._place]
        done = np.where(self.evidence.done > 0, np.array(self.rungs)[np.maximum(self.evidence.done - 1, 0)], 0.0)
        # Fewer than the few that were planned are only tried on what rungs show, or where it was planned long.
        planned = PlannedSchedules.of(self._place, self.short_schedules).shortened
        can = self._shortenable_mask() & (~planned | (done > 0) | (self.late_shares > 1))
        fixed = self._times.fixed(self.evidence.done, self.evidence.spent, again) + self.evidence.answers.seconds()
        times = RunTimes(done, fixed, self._seconds()[:, -1])
        ends = finishes(times, self._beside(), self.left, np.where(self.evidence.done > 0, *_TIME_ERRORS), can)
        self._finishes_of = state, made_from, ends
        return ends

    def _shortenable_mask(self) -> _Mask:
        if self._shortenable_of is None or self._shortenable_of[0] is not self.shortenable:
            mask = np.zeros(len(self.pool), dtype=bool)
            mask[[self._place[name] for name in self.shortenable if name in self._place]] = True
            self._shortenable_of = self.shortenable, mask
        return self._shortenable_of[1]

    def _parts(self) -> Floats:
        """Share of the usual training that each candidate would end with, for what it is expected to lack, ``(n,)``."""
        return np.minimum(self._finishes().shares * self.late_shares, 1.0)

    def _elastic(self, ends: ShortenedRuns) -> _Mask:
        """See ``protocols.Schedules``."""
        return np.asarray((ends.shares < 1) | ((self.late_shares > 1) & (self.evidence.done == 0)))

    def _saved_by(self, places: npt.NDArray[np.intp], shares: Floats) -> tuple[Floats, Floats]:
        """``View.saved`` and ``promising`` of finishing candidates with shares of their schedules."""
        view = self._view()
        if view.best is None or len(places) == 0:
            return np.zeros(len(places)), np.zeros(len(places))
        bar = (view.best[1] - view.costs) / self._alpha
        lacking = SHORTFALL * self.evidence.posterior.remaining(places, shares)
        loss, chance = savings.at_the_end(self.evidence.posterior, bar, places, lacking)
        return self._alpha * loss * self.horizon_months, chance

    def _beside(self) -> Floats:
        """Seconds of the budget that finishing each candidate needs beside its run: see ``protocols.Purchases``."""
        beside = np.zeros(len(self.pool))
        for name, seconds in self.after.items():
            if (place := self._place.get(name)) is not None:
                beside[place] = seconds
        return beside
