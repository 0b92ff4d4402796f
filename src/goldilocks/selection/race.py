"""The race: a sequence of purchases. A policy names the next one, this file carries it out and writes it down.

A purchase runs a candidate up to a rung (a share of its full run) and scores it on the validation part. Runs are
promoted, never started again: each goes on from its checkpoint. After every purchase the checkpoint, the validation
probabilities and one line of ``trials.jsonl`` are on the disk, in that order.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from goldilocks.answers import Answers
from goldilocks.errors import BudgetError, InputError
from goldilocks.evaluation.score import loss_of, measured
from goldilocks.events import Progress, PurchaseFinished, PurchaseStarted, TrainingStep
from goldilocks.protocols import Metric, Policy
from goldilocks.records import Candidate, Dataset, Pool, Screening, TaskSpec, Text, Trial
from goldilocks.selection.failures import Guard
from goldilocks.selection.standings import Standings
from goldilocks.selection.workspace import Workspace
from goldilocks.support.machine.clock import Clock
from goldilocks.support.machine.hardware import Machine


class Runner(Protocol):
    """One candidate's training, bought piece by piece (``tune.run.Run``)."""

    share: float

    def advance(
        self, share: float, *, stop: Callable[[], bool] | None = None, on_step: Callable[[float], None] | None = None
    ) -> None:
        """Go on up to ``share`` of the full run; earlier where ``stop`` says so."""

    def predict(self, texts: Sequence[Text]) -> Answers:
        """Answers, as ``protocols.Model.predict``."""


@dataclass(frozen=True, slots=True)
class RaceContext:
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
    """Families that everybody is compared with: run to the end first (see ``protocols.HasBaselines``)."""


def race(setting: RaceContext, policy: Policy) -> tuple[tuple[Trial, ...], str]:
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
        trials=setting.workspace.read_trials(),
        seed=setting.spec.seed,
        dropped=setting.workspace.read_dropped(),
    )
    standings.begun_before = {one.candidate for one in standings.trials}
    stopped = "the budget ended"
    runs: dict[str, Runner] = {}
    while (left := setting.clock.left()) > 0 and standings.candidates:
        standings.left = left
        purchase = _baseline(standings, setting.baselines) or policy.choose(standings) or _somebody(standings)
        if purchase is None:
            stopped = "no further purchase was worth its price"
            break
        name, rung, why = purchase
        if members[name].model.remote:  # every rung would ask the whole validation part for money, and train nothing
            rung = len(standings.rungs) - 1
        with guard.watch("race", [name]) as fallen:
            trial = _buy(members[name], rung, why, standings, setting, runs)
        if fallen:
            standings.dropped = setting.workspace.read_dropped()
            continue
        if trial is None:  # the budget ended in the middle of the rung
            break
        standings.trials.append(trial)
        standings.begun_before.discard(name)
        setting.workspace.add_trial(trial)
        setting.progress(PurchaseFinished(trial, setting.clock.left()))
    done = {one.candidate for one in standings.trials if one.share >= 1} - set(standings.dropped)
    if not any(map(_decides, done)):
        if standings.dropped and not any(map(_decides, standings.candidates)):
            raise InputError(_nobody_left(sorted(done), setting.workspace))
        if any(map(_decides, standings.candidates)):
            beside = f" but the baseline {' and '.join(sorted(done))}" if done else ""
            raise BudgetError(
                f"the budget of {setting.spec.budget_seconds:g} s ended before any candidate{beside} was finished; "
                f"raise --budget and --resume (the cheapest needs about {max(1, math.ceil(_cheapest(standings)))} s "
                "more)."
            )
    return tuple(standings.trials), stopped


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
    candidate: Candidate, rung: int, why: str, standings: Standings, setting: RaceContext, runs: dict[str, Runner]
) -> Trial | None:
    """Carry out one purchase; ``None`` where the budget ended before the rung was reached."""
    name, share, dataset = candidate.name, standings.rungs[rung], setting.dataset
    predicted, value = standings.price(name, rung), standings.value(name)
    setting.progress(PurchaseStarted(name, share, predicted, why))
    begun, used = time.perf_counter(), setting.workspace.account(name).own()
    run = runs.pop(name, None) or setting.start(candidate)
    run.advance(
        share,
        stop=lambda: setting.clock.left() <= 0,
        on_step=lambda done: setting.progress(TrainingStep(name, done)),
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


def _cheapest(standings: Standings) -> float:
    """Predicted seconds of the cheapest candidate that would decide something."""
    last = len(standings.rungs) - 1
    return min((standings.price(name, last) for name in filter(_decides, standings.candidates)), default=0.0)
