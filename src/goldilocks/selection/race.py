"""The race: a sequence of purchases. The policy names the next one; this module executes and records it.

A purchase runs a candidate up to a rung (a share of its full run) and scores it on the validation part. Runs are
promoted, never started again: each continues from its checkpoint. A purchase that hangs is given up. After every
purchase the checkpoint, the validation answers and one line of ``trials.jsonl`` are on the disk, in that order.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from goldilocks.answers import Answers
from goldilocks.errors import BudgetError, InputError, IntegrityError
from goldilocks.evaluation.error_cost import LossRule
from goldilocks.evaluation.score import loss_of, measured
from goldilocks.evaluation.score import score as score_of
from goldilocks.events import Progress, PurchaseFinished, PurchaseStarted, TrainingStep
from goldilocks.protocols import ExplainsStopping, Metric, Policy, Task
from goldilocks.records import Candidate, Dataset, Failure, Gold, Pool, Screening, TaskSpec, Text, Trial
from goldilocks.selection.answers_in_time import answers_in_time
from goldilocks.selection.failures import Guard
from goldilocks.selection.reserve import Reserve
from goldilocks.selection.seeds import seed_name, seeds_available
from goldilocks.selection.standings import RUNGS, Standings
from goldilocks.selection.teachers import without_teacher
from goldilocks.selection.watchdog import limit_of, time_limit
from goldilocks.selection.workspace import Workspace
from goldilocks.support.machine.clock import Clock
from goldilocks.support.machine.hardware import Machine


class Runner(Protocol):
    """One candidate's training, bought piece by piece (``tune.run.Run``)."""

    share: float

    def advance(
        self, share: float, *, stop: Callable[[], bool] | None = None, on_step: Callable[[float], None] | None = None
    ) -> None:
        """Train on, up to ``share`` of the full run; less where ``stop`` says so."""

    def predict(self, texts: Sequence[Text]) -> Answers:
        """Answers, as ``protocols.Model.predict``."""


@runtime_checkable
class ReportsLoss(Protocol):
    """A run (beside ``Runner``) that is trained by gradient descent."""

    @property
    def loss(self) -> float | None:
        """Training loss of the last step; ``None``: there is none."""


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
    """Families that all are compared with: run to the end first (see ``protocols.HasBaselines``)."""
    measure: Callable[[Candidate, Sequence[Text]], object] | None = None
    """Footprint of a finished candidate: taken as soon as it has finished, so that its time is part of the budget."""
    n_test: int = 0
    """Items of the test part, for the time that scoring it will take."""
    max_disk_bytes: float = math.inf
    """What the run's folder may take: a purchase that would pass it is not made."""
    rule: LossRule | None = None
    """How answers become loss in money; ``None``: by the metric's loss."""
    task: Task | None = None
    """For the verdict; ``None``: there is none."""
    repeat: Callable[[Candidate, int], Runner] | None = None
    """Makes a run from scratch with another training seed, the task's plus this number; ``None``: further seeds are not
    for sale."""
    on_half: Callable[[Candidate], Runner] | None = None
    """Makes a run on half of the training rows, for the learning curve of the winner; ``None``: there is none."""
    step_seconds: float | None = None
    """Time limit of one purchase; ``None``: from its forecast (``watchdog.limit_of``)."""


def race(setting: RaceContext, policy: Policy) -> tuple[tuple[Trial, ...], str]:
    """Buy until the policy stops or the budget ends.

    Returns:
        The trials in order, and why the race stopped.

    Raises:
        BudgetError: the budget ended, or the disk was full, before any candidate but a baseline was finished.
        InputError: every candidate but a baseline failed.
    """
    guard = Guard(setting.workspace, setting.clock, setting.progress)
    standings = _standings(setting)
    members = {candidate.name: candidate for candidate in standings.pool}
    stopped = "the budget ended"
    runs: dict[str, Runner] = {}
    reserve = Reserve(setting.spec.budget_seconds, setting.n_test, len(setting.dataset.validation))
    full = ""
    while (left := setting.clock.left() - reserve.seconds(standings.trials)) > 0 and standings.candidates:
        standings.left = left
        purchase = _baseline(standings, setting.baselines) or policy.choose(standings) or _beside_baseline(standings)
        if purchase is None:
            stopped = _why_stopped(policy, standings)
            break
        name, rung, why = purchase
        full = _over_disk(members[name], setting)
        if full:
            stopped = full
            break
        repeat = _repeat(name, standings)
        if members[name].model.remote:  # every rung would ask the whole validation part for money, and train nothing
            rung = len(standings.rungs) - 1
        with guard.watch("race", [seed_name(name, repeat) if repeat else name]) as failed:
            trial = _within_limit(members[name], rung, why, standings, setting, runs, repeat)
        if failed:
            standings.dropped = _unavailable(setting, standings)
            continue
        if trial is None:  # the budget ended in the middle of the rung
            break
        standings.trials.append(trial)
        standings.dropped = _unavailable(setting, standings)
        standings.begun_before.discard(name)
        setting.workspace.add_trial(trial)
        setting.progress(PurchaseFinished(trial, setting.clock.left()))
        if trial.share >= 1 and not repeat and setting.measure is not None:
            _measure(members[name], setting, guard, reserve)
            standings.dropped = _unavailable(setting, standings)
    _check_decides(standings, setting, full)
    return tuple(standings.trials), stopped


def _standings(setting: RaceContext) -> Standings:
    """The state of the race, with the trials of earlier sessions."""
    kept = set(setting.screening.kept)
    standings = Standings(
        pool=[candidate for candidate in setting.pool.candidates if candidate.name in kept],
        forecasts=setting.pool.forecasts,
        short_schedules=setting.pool.short_schedules,
        spec=setting.spec,
        machine=setting.machine,
        n_items=len(setting.dataset.validation),
        n_labels=len(setting.dataset.labels),
        screening=setting.screening,
        experience=setting.workspace.read_experience(),
        trials=_checked(setting, kept),
        seed=setting.spec.seed,
        dropped=setting.workspace.read_dropped(),
    )
    if setting.repeat is not None:
        standings.seeds = seeds_available(standings.pool)
    standings.dropped = _unavailable(setting, standings)
    standings.begun_before = {trial.candidate for trial in standings.trials}
    return standings


def _checked(setting: RaceContext, members: Collection[str]) -> list[Trial]:
    """Earlier trials, which must be of this race.

    Raises:
        IntegrityError: one is of a candidate, a rung or data that this race does not have.
    """
    trials = setting.workspace.read_trials()
    for number, trial in enumerate(trials, start=1):
        problem = (
            f"the candidate {trial.candidate} is not in this race"
            if trial.candidate not in members
            else f"rung {trial.rung} ends at another share than {trial.share:g}"
            if trial.rung >= len(RUNGS) or abs(RUNGS[trial.rung] - trial.share) > 1e-6
            else f"damaged (loss {trial.loss:g})"
            if trial.loss > (setting.rule.most if setting.rule else 1.0) + 1e-6
            else "it was scored on other data"
            if trial.data_fingerprint != setting.dataset.fingerprint
            else ""
        )
        if problem:
            raise IntegrityError(
                f"{setting.workspace.trials} line {number}: {problem}; remove the line (and "
                f"{setting.workspace.decision.name}), then --resume."
            )
    return trials


def _repeat(name: str, standings: Standings) -> int:
    """Number of the further seed that buying a candidate now would be; 0 where its first run is not finished."""
    if standings.bought(name) < len(standings.rungs):
        return 0
    return 1 + max((trial.repeat for trial in standings.trials if trial.candidate == name), default=0)


def _over_disk(candidate: Candidate, setting: RaceContext) -> str:
    """Why a purchase would pass the disk limit; empty where it would not."""
    if setting.workspace.size_bytes() + candidate.model.size_bytes <= setting.max_disk_bytes:
        return ""
    return f"the run's folder would pass its {setting.max_disk_bytes / 1e6:,.0f} MB of disk"


def _unavailable(setting: RaceContext, standings: Standings) -> Collection[str]:
    """Candidates that failed, and students with nothing to learn from yet."""
    dropped = setting.workspace.read_dropped()
    return {*dropped, *without_teacher(standings.pool, standings.trials, dropped)}


def _measure(candidate: Candidate, setting: RaceContext, guard: Guard, reserve: Reserve) -> None:
    """Take the footprint of a finished candidate; one that cannot be measured is excluded."""
    assert setting.measure is not None
    begun = setting.clock.elapsed()
    with guard.watch("measuring", [candidate.name]):
        setting.measure(candidate, setting.dataset.validation.texts[:FOOTPRINT_TEXTS])
    reserve.measured[candidate.name] = setting.clock.elapsed() - begun


FOOTPRINT_TEXTS = 64
"""Validation texts that a footprint is measured on."""


def _why_stopped(policy: Policy, standings: Standings) -> str:
    if isinstance(policy, ExplainsStopping):
        return policy.stopped(standings)
    last = len(standings.rungs) - 1
    if all(standings.bought(name) > last for name in standings.candidates):
        return "nothing is left to buy"
    return "the policy found nothing more to buy"


_BASELINE = "majority"
"""Family of the majority answer; a race in which nothing else finished has decided nothing."""


def _check_decides(standings: Standings, setting: RaceContext, full: str) -> None:
    """See that a candidate beside the majority answer is finished, or raise what ``race`` says."""
    done = {trial.candidate for trial in standings.trials if trial.share >= 1} - set(standings.dropped)
    if any(map(_decides, done)):
        return
    if standings.dropped and not any(map(_decides, standings.candidates)):
        raise InputError(_nothing_left(sorted(done), setting.workspace))
    if full:
        raise BudgetError(
            f"{full} before any candidate was finished; raise --max-disk and --resume, in Python max_disk_mb and "
            "resume of RunSettings."
        )
    if any(map(_decides, standings.candidates)):
        beside = f" but the baseline {' and '.join(sorted(done))}" if done else ""
        raise BudgetError(
            f"the budget of {setting.spec.budget_seconds:g} s ended before any candidate{beside} was finished; "
            f"raise --budget and --resume, in Python budget and RunSettings.resume (the cheapest needs about "
            f"{max(1, math.ceil(_cheapest(standings)))} s more)."
        )


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
    return name, last, "a baseline of the task: every candidate is compared with it"


def _beside_baseline(standings: Standings) -> tuple[str, int, str] | None:
    """The cheapest but the majority answer, where the policy stops before any of these is finished."""
    last = len(standings.rungs) - 1
    others = [name for name in standings.candidates if _decides(name)]
    if not others or any(standings.bought(name) > last for name in others):
        return None
    name = min(others, key=lambda name: standings.price(name, last))
    return name, last, "one candidate beside the majority answer is needed"


def _decides(name: str) -> bool:
    return not name.startswith(f"{_BASELINE}/")


def _nothing_left(baselines: Sequence[str], workspace: Workspace) -> str:
    """The error message of a race in which all candidates except the finished ``baselines`` failed."""
    failures = workspace.read_dropped().values()
    if not failures:
        return (
            "every candidate left learns from another (methods such as distil), and none has finished; "
            "add a method to candidates.methods that learns from labels alone, e.g. full."
        )
    *others, last = failures
    left = f"only the baseline {' and '.join(baselines)} was finished" if baselines else "no candidate is left"
    return (
        f"{left}: {last.candidate} failed ({last.reason.rstrip('.')}){', as did the others' if others else ''}, "
        f"see {workspace.dropped}; fix that, then start again with another --out."
    )


def _within_limit(
    candidate: Candidate,
    rung: int,
    why: str,
    standings: Standings,
    setting: RaceContext,
    runs: dict[str, Runner],
    repeat: int,
) -> Trial | None:
    """``_buy``, given up where it hangs; see ``selection/watchdog.py``."""
    name, begun = seed_name(candidate.name, repeat) if repeat else candidate.name, setting.clock.elapsed()
    seconds = limit_of(_price(candidate.name, rung, repeat, standings), setting.clock.left())

    def give_up(reason: str) -> None:
        setting.workspace.add_dropped(Failure(name, "race", reason, seconds, begun + seconds))

    what = f"{name}, up to {standings.rungs[rung]:.0%} of its run"
    with time_limit(setting.step_seconds or seconds, what, give_up=give_up):
        return _buy(candidate, rung, why, standings, setting, runs, repeat)


def _price(name: str, rung: int, repeat: int, standings: Standings) -> float:
    """Predicted seconds of a purchase."""
    if not repeat:
        return standings.price(name, rung)
    offered = standings.repeats()
    return float(offered.seconds[offered.candidates.index(name)])


def _buy(
    candidate: Candidate,
    rung: int,
    why: str,
    standings: Standings,
    setting: RaceContext,
    runs: dict[str, Runner],
    repeat: int,
) -> Trial | None:
    """Carry out one purchase; ``None`` where the budget ended before the rung was reached."""
    name, share, dataset = candidate.name, standings.rungs[rung], setting.dataset
    predicted, value = _price(name, rung, repeat, standings), standings.value(name)
    setting.progress(PurchaseStarted(name, share, predicted, why))
    begun, used = time.perf_counter(), setting.workspace.spending_log(name).own()
    until = setting.clock.elapsed() + standings.left
    if repeat and setting.repeat is not None:
        run = setting.repeat(candidate, repeat)
    else:
        run = runs.pop(name) if name in runs else setting.start(candidate)
    run.advance(
        share,
        stop=lambda: setting.clock.elapsed() >= until,
        on_step=lambda done: setting.progress(
            TrainingStep(name, done, run.loss if isinstance(run, ReportsLoss) else None)
        ),
    )
    if run.share < share - 1e-9:
        return None
    asked = time.perf_counter()
    answers = answers_in_time(run, dataset.validation.texts, lambda: until - setting.clock.elapsed())
    if answers is None:
        return None
    if setting.rule is not None:
        answers = setting.rule.answers(answers)
    per_text = max(time.perf_counter() - asked, 0.0) / max(len(dataset.validation), 1)
    usage = setting.workspace.spending_log(name).own() - used if candidate.model.remote else None
    if not repeat:  # of a further seed nothing but its answers is needed
        setting.keep(candidate, run)
    if share < 1:
        runs[name] = run  # a finished one is on the disk; a pool of large models must not pile up in memory
    relative = setting.workspace.write_answers(name, rung, answers, repeat)
    scoring = time.perf_counter()
    _refuse_undefined(setting.metric, dataset.validation.gold, answers)
    score = measured(setting.metric, dataset.validation.gold, answers.values, seed=standings.seed)
    return Trial(
        candidate=name,
        rung=rung,
        share=share,
        seconds=max(time.perf_counter() - begun, 0.0),
        score=score,
        loss=(
            float(loss_of(setting.metric, score.value))
            if setting.rule is None
            else setting.rule.loss(dataset.validation.gold, answers)
        ),
        predictions=relative,
        seconds_per_text=per_text,
        scoring_seconds=max(time.perf_counter() - scoring, 0.0),
        elapsed=setting.clock.elapsed(),
        predicted_seconds=predicted,
        value=value,
        why=why,
        data_fingerprint=dataset.fingerprint,
        usage=usage,
        repeat=repeat,
    )


def _refuse_undefined(metric: Metric, gold: Sequence[Gold], answers: Answers) -> None:
    """See that the metric has a value for a candidate's answers; without one it is excluded."""
    if not math.isfinite(value := score_of(metric, gold, answers.values)):
        raise InputError(
            f"the metric is not defined for its answers (it is {value}); exclude the candidate, or let another metric "
            "decide."
        )


def _cheapest(standings: Standings) -> float:
    """Predicted seconds of the cheapest candidate that would decide something."""
    last = len(standings.rungs) - 1
    return min((standings.price(name, last) for name in filter(_decides, standings.candidates)), default=0.0)
