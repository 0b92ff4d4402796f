"""The race: a sequence of purchases. A policy names the next one, this file carries it out and writes it down.

A purchase runs a candidate up to a rung (a share of its full run) and scores it on the validation part. Runs are
promoted, never started again: each goes on from its checkpoint. After every purchase the checkpoint, the validation
probabilities and one line of ``trials.jsonl`` are on the disk, in that order.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from goldilocks.answers import Answers
from goldilocks.errors import BudgetError, InputError, IntegrityError
from goldilocks.evaluate.score import loss_of, measured
from goldilocks.protocols import Metric, Policy, Progress
from goldilocks.records import Candidate, Dataset, Forecast, Pool, Screening, TaskSpec, Text, Trial
from goldilocks.select.cost import running_cost
from goldilocks.select.drop import Guard
from goldilocks.select.forecast import Experience, Observation, Posterior, improvement, recorded_experience
from goldilocks.select.pace import pace
from goldilocks.select.reserve import Reserve
from goldilocks.select.workspace import Workspace
from goldilocks.support.budget import Clock
from goldilocks.support.hardware import Machine

RUNGS = (0.1, 0.3, 1.0)
"""Shares of a full run at which a candidate can be scored."""
PATIENCE = 0.3
"""A purchase that would take all that is left of the budget must be expected to save this share of the best J so far,
a shorter one as much less as it is shorter. .1, .2 and .3 were tried on six recorded races, each with the experience of
the others: they found the same candidates, .3 in the fewest seconds; .5 and 1 had found worse ones."""


class Runner(Protocol):
    """One candidate's training, bought piece by piece (``tune.run.Run``)."""

    share: float

    def advance(
        self, share: float, *, stop: Callable[[], bool] | None = None, on_step: Callable[[float], None] | None = None
    ) -> None:
        """Go on up to ``share`` of the full run; earlier where ``stop`` says so."""

    def predict(self, texts: Sequence[Text]) -> Answers:
        """Answers, as ``protocols.Model.predict``."""


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


@dataclass(frozen=True, slots=True)
class Setting:
    """What a race is run with."""

    dataset: Dataset
    """Train and validation parts; the test part is not needed, and should not be handed in."""
    pool: Pool
    screening: Screening
    spec: TaskSpec
    machine: Machine
    metric: Metric
    workspace: Workspace
    """Trials and probabilities are written here; earlier trials are taken over from here."""
    start: Callable[[Candidate], Runner]
    """Makes a candidate's run, from its checkpoint where there is one."""
    keep: Callable[[Candidate, Any], None]
    """Takes what ``start`` made; writes a run's checkpoint (and its model when finished)."""
    clock: Clock
    progress: Progress
    baselines: Sequence[str] = ()
    """Families that everybody is compared with: run to the end first (see ``protocols.Compared``)."""
    measure: Callable[[Candidate, Sequence[Text]], object] | None = None
    """Footprint of a finished candidate: taken as soon as it has finished, so that its time is part of the budget."""
    n_test: int = 0
    """Items of the test part, for the time that scoring it will take."""
    max_disk_bytes: float = math.inf
    """What the run's folder may take: a purchase that would pass it is not made."""


def race(setting: Setting, policy: Policy) -> tuple[tuple[Trial, ...], str]:
    """Buy until the policy stops or the budget ends.

    Returns:
        The trials in order, and why the race stopped, in words.

    Raises:
        BudgetError: the budget ended and nobody but a baseline had finished.
        InputError: everybody but a baseline fell out.
    """
    guard = Guard(setting.workspace, setting.clock, setting.progress)
    members = {one.name: one for one in setting.pool.candidates if one.name in set(setting.screening.kept)}
    standings = Standings(
        pool=list(members.values()),
        forecasts=setting.pool.forecasts,
        spec=setting.spec,
        machine=setting.machine,
        n_items=len(setting.dataset.validation),
        n_labels=len(setting.dataset.labels),
        screening=setting.screening,
        trials=_checked(setting, members),
        seed=setting.spec.seed,
        dropped=setting.workspace.read_dropped(),
    )
    standings.begun_before = {one.candidate for one in standings.trials}
    stopped, full = "the budget ended", False
    runs: dict[str, Runner] = {}
    reserve = Reserve(setting.spec.budget_seconds, setting.n_test)
    while (left := setting.clock.left() - reserve.seconds(standings.trials)) > 0 and standings.candidates:
        standings.left = left
        purchase = _baseline(standings, setting.baselines) or policy.choose(standings) or _somebody(standings)
        if purchase is None:
            stopped = "no further purchase was worth its price"
            break
        name, rung, why = purchase
        full = setting.workspace.size_bytes() + members[name].model.size_bytes > setting.max_disk_bytes
        if full:
            stopped = f"the run's folder would pass its {setting.max_disk_bytes / 1e6:,.0f} MB of disk"
            break
        if members[name].model.remote:  # every rung would ask the whole validation part for money, and train nothing
            rung = len(standings.rungs) - 1
        with guard.watch("race", [name]) as fallen:
            trial = _buy(members[name], rung, why, standings, setting, runs)  # until standings.left have passed
        if fallen:
            standings.dropped = setting.workspace.read_dropped()
            continue
        if trial is None:  # the budget ended in the middle of the rung
            break
        standings.trials.append(trial)
        standings.begun_before.discard(name)
        setting.workspace.add_trial(trial)
        setting.progress("bought", {"trial": trial, "left": setting.clock.left()})
        if trial.share >= 1 and setting.measure is not None:
            _measure(members[name], setting, guard, reserve)
            standings.dropped = setting.workspace.read_dropped()
    done = {one.candidate for one in standings.trials if one.share >= 1} - set(standings.dropped)
    if not any(map(_decides, done)):
        if standings.dropped and not any(map(_decides, standings.candidates)):
            raise InputError(_nobody_left(sorted(done), setting.workspace))
        if any(map(_decides, standings.candidates)):
            if full:
                raise BudgetError(f"{stopped} before any candidate was finished; raise --max-disk and --resume.")
            beside = f" but the baseline {' and '.join(sorted(done))}" if done else ""
            raise BudgetError(
                f"the budget of {setting.spec.budget_seconds:g} s ended before any candidate{beside} was finished; "
                f"raise --budget and --resume (the cheapest needs about {max(1, math.ceil(_cheapest(standings)))} s "
                "more)."
            )
    return tuple(standings.trials), stopped


def _checked(setting: Setting, members: Collection[str]) -> list[Trial]:
    """Earlier trials, which must be of this race.

    Raises:
        IntegrityError: one is of a candidate, a rung or data that this race does not have.
    """
    trials = setting.workspace.read_trials()
    for number, one in enumerate(trials, start=1):
        problem = (
            f"the candidate {one.candidate} is not in this race"
            if one.candidate not in members
            else f"rung {one.rung} ends at another share than {one.share:g}"
            if one.rung >= len(RUNGS) or abs(RUNGS[one.rung] - one.share) > 1e-6
            else "it was scored on other data"
            if one.data_fingerprint != setting.dataset.fingerprint
            else ""
        )
        if problem:
            raise IntegrityError(
                f"{setting.workspace.trials} line {number}: {problem}; remove the line (and "
                f"{setting.workspace.decision.name}), then --resume."
            )
    return trials


_BASELINE = "majority"
"""Family that everybody should beat; a race in which only it finished has decided nothing."""


def _baseline(standings: Standings, families: Sequence[str]) -> tuple[str, int, str] | None:
    """The next of the baselines to buy, the cheapest first; ``None``: all have run, or would take more than is left."""
    last = len(standings.rungs) - 1
    prices = {
        name: standings.price(name, last)
        for name in standings.candidates
        if name.split("/")[0] in families and standings.bought(name) <= last
    }
    name = min(prices, key=prices.__getitem__, default=None)
    if name is None or prices[name] > standings.left:
        return None
    return name, last, "a baseline of the task: everybody is compared with it"


def _somebody(standings: Standings) -> tuple[str, int, str] | None:
    """The cheapest beside the baseline, where the policy found nobody worth buying and none of them has finished."""
    last = len(standings.rungs) - 1
    others = [name for name in standings.candidates if _decides(name)]
    if not others or any(standings.bought(name) > last for name in others):
        return None
    return min(others, key=lambda name: standings.price(name, last)), last, "somebody has to stand beside the baseline"


def _decides(name: str) -> bool:
    return not name.startswith(f"{_BASELINE}/")


def _nobody_left(baselines: Sequence[str], workspace: Workspace) -> str:
    """Why a race in which all beside the finished ``baselines`` fell out decides nothing, in words."""
    *others, last = workspace.read_dropped().values()
    left = f"only the baseline {' and '.join(baselines)} was finished" if baselines else "nobody is left"
    return (
        f"{left}: {last.candidate} fell out ({last.reason.rstrip('.')}){', as did the others' if others else ''}, "
        f"see {workspace.dropped}; mend that, then start again with another --out."
    )


def _buy(
    candidate: Candidate, rung: int, why: str, standings: Standings, setting: Setting, runs: dict[str, Runner]
) -> Trial | None:
    """Carry out one purchase; ``None`` where the budget ended before the rung was reached."""
    name, share, dataset = candidate.name, standings.rungs[rung], setting.dataset
    predicted, value = standings.price(name, rung), standings.value(name)
    setting.progress("buying", {"candidate": name, "share": share, "predicted_seconds": predicted, "why": why})
    begun, used = time.perf_counter(), setting.workspace.account(name).own()
    until = setting.clock.elapsed() + standings.left
    run = runs.pop(name, None) or setting.start(candidate)
    run.advance(
        share,
        stop=lambda: setting.clock.elapsed() >= until,
        on_step=lambda done: setting.progress("step", {"candidate": name, "share": done}),
    )
    if run.share < share - 1e-9:
        return None
    asked = time.perf_counter()
    answers = run.predict(dataset.validation.texts)
    per_text = (time.perf_counter() - asked) / max(len(dataset.validation), 1)
    usage = setting.workspace.account(name).own() - used if candidate.model.remote else None
    setting.keep(candidate, run)
    if share < 1:
        runs[name] = run  # a finished one is on the disk; a pool of large models must not pile up in memory
    relative = setting.workspace.write_answers(name, rung, answers)
    score = measured(setting.metric, dataset.validation.gold, answers.values, seed=standings.seed)
    return Trial(
        candidate=name,
        rung=rung,
        share=share,
        seconds=time.perf_counter() - begun,
        score=score,
        loss=float(loss_of(setting.metric, score.value)),
        predictions=relative,
        seconds_per_text=per_text,
        elapsed=setting.clock.elapsed(),
        predicted_seconds=predicted,
        value=value,
        why=why,
        data_fingerprint=dataset.fingerprint,
        usage=usage,
    )


def _measure(candidate: Candidate, setting: Setting, guard: Guard, reserve: Reserve) -> None:
    """Take the footprint of a finished candidate; one that cannot be measured is excluded."""
    assert setting.measure is not None
    begun = setting.clock.elapsed()
    with guard.watch("measuring", [candidate.name]):
        setting.measure(candidate, setting.dataset.validation.texts[:FOOTPRINT_TEXTS])
    reserve.measured.append(setting.clock.elapsed() - begun)


FOOTPRINT_TEXTS = 64
"""Validation texts that a footprint is measured on."""


def _cheapest(standings: Standings) -> float:
    """Predicted seconds of the cheapest candidate that would decide something."""
    last = len(standings.rungs) - 1
    return min((standings.price(name, last) for name in filter(_decides, standings.candidates)), default=0.0)
