"""The race: a sequence of trials. The policy picks the next one; this module submits and records it.

A purchase runs a candidate up to a rung (a share of its full run) and scores it on the validation part
(``selection/trials.py``), where the executor says. Runs are promoted, never started again: each continues from its
checkpoint. A purchase that hangs is given up. After every purchase the checkpoint, the validation answers and one line
of ``trials.jsonl`` are on the disk, in that order. What follows depends on these lines alone, whoever did the work.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

from goldilocks import plugins
from goldilocks.errors import BudgetError, InputError, IntegrityError, ProcessError, WorkerLostError
from goldilocks.events import AnswersTooSlow, PurchaseFinished, PurchaseStarted, WorkerLost
from goldilocks.protocols import ExecutorOptions, ExplainsStopping, Job, Policy, Workers
from goldilocks.records import Candidate, Failure, Trial
from goldilocks.selection.failures import Guard
from goldilocks.selection.race_context import FOOTPRINT_TEXTS, RaceContext
from goldilocks.selection.required_purchases import baseline_due, beside_baseline, decides
from goldilocks.selection.reserve import Reserve
from goldilocks.selection.seeds import seeds_available
from goldilocks.selection.shorter_finish import can_be_shortened
from goldilocks.selection.standings import RUNGS, Standings
from goldilocks.selection.teachers import needs_teacher, without_teacher
from goldilocks.selection.trials import (
    TrialContext,
    TrialRequest,
    TrialResult,
    checkpoint_of,
    run_trial,
    unpack,
)
from goldilocks.selection.watchdog import GRACE_SECONDS, limit_of
from goldilocks.selection.workspace import Workspace


def race(setting: RaceContext, policy: Policy) -> tuple[tuple[Trial, ...], str]:
    """Buy until the policy stops or the budget ends.

    Returns:
        The trials in order, and why the race stopped.

    Raises:
        BudgetError: the budget ended, or the disk was full, before any candidate but a baseline was finished.
        InputError: every candidate but a baseline failed.
        ProcessError: no worker is left.
    """
    if setting.workers is None:
        with plugins.load("executors", "local").open_workers(ExecutorOptions()) as workers:
            return race(replace(setting, workers=workers), policy)
    return _Race(setting, policy, setting.workers).run()


class _Race:
    """A race under way: trials are submitted while workers are free, then one result is awaited and recorded."""

    def __init__(self, setting: RaceContext, policy: Policy, workers: Workers) -> None:
        self.setting, self.policy, self.workers = setting, policy, workers
        self.guard = Guard(setting.workspace, setting.clock, setting.progress)
        self.failed = set(setting.workspace.read_failures())
        self.out_of_time: set[str] = set()
        """Candidates whose answers would have taken longer than was left: a resumed search tries them again."""
        self.standings = _standings(setting)
        self.members = {candidate.name: candidate for candidate in self.standings.pool}
        self.students = any(needs_teacher(candidate) for candidate in self.standings.pool)
        self.reserve = setting.reserve
        self.in_flight: dict[str, tuple[TrialRequest, float]] = {}
        """Candidate -> what is in flight, and when it began."""
        self.workers_lost: Counter[str] = Counter()
        """Workers that ended while they ran a candidate."""
        self.stopped = ""
        """Why no more is bought; empty: something may be."""
        self.full = ""
        """Why the disk limit ended the race."""
        self._update_excluded()
        self.context = TrialContext(
            setting.dataset,
            setting.metric,
            setting.rule,
            self.standings.seed,
            setting.workspace,
            setting.start,
            setting.keep,
            setting.repeat,
            setting.clock,
            setting.progress,
            give_up=self._give_up,
        )
        if workers.in_process:
            workers.share(run_trial, self.context)

    def run(self) -> tuple[tuple[Trial, ...], str]:
        """See ``race``."""
        while True:
            self._submit_requests()
            if not self.in_flight:
                break
            name, result = self.workers.wait()
            self._collect(name, result)
        self.standings.excluded = set(self.standings.excluded) - self.out_of_time  # nothing went wrong with them
        if not self.setting.only:
            _check_decides(self.standings, self.setting, self.full)
        return tuple(self.standings.trials), self.stopped

    # ------------------------------------------------------------------------------------------------------ submitting

    def _submit_requests(self) -> None:
        """Submit trials while a worker is free and something is worth its price."""
        standings, setting = self.standings, self.setting
        while not self.stopped:
            if not (standings.candidates or self.in_flight):
                self.stopped = _BUDGET_ENDED
                break
            if self.setting.only and self._has_winner():
                self.stopped = _FIRST_FINISHED
                break
            if (left := self._left()) <= 0:
                self.stopped = _BUDGET_ENDED
                break
            if self.workers.free < 1:
                if self.in_flight:
                    break
                raise ProcessError(
                    "no worker is left; start one, then --resume: all that was bought is in the run folder."
                )
            standings.left, standings.workers = left, max(self.workers.size, 1)
            standings.after = self.reserve.beyond(standings.pool, standings.trials)
            purchase = baseline_due(standings, setting.baselines) or self._choose()
            if purchase is None and self.in_flight:
                break  # what is in flight may change its mind
            purchase = purchase or beside_baseline(standings)
            if purchase is None:
                self.stopped = _why_stopped(self.policy, standings)
                break
            name, rung, why = purchase
            self.full = self.stopped = _over_disk(self.members[name], setting)
            if not self.full:
                self._submit(name, rung, why)

    def _choose(self) -> tuple[str, int, str] | None:
        """What the policy buys; where it would buy nothing new, it is offered schedules that take all that is left."""
        standings, late = self.standings, self.setting.late_schedules
        if late is None or self.setting.only:
            return self.policy.choose(standings)
        late.plan(standings)
        purchase = self.policy.choose(standings)
        nothing_new = purchase is None or _repeat(purchase[0], standings) > 0
        if nothing_new and not self.in_flight and late.plan(standings, all_that_is_left=True):
            purchase = self.policy.choose(standings)
        return purchase

    def _left(self) -> float:
        """Seconds for purchases. What is reserved for later steps yields to the first candidate that may win."""
        left = self.setting.clock.left()
        after = left - self.reserve.seconds(self.standings.trials)
        return after if after > 0 or self._has_winner() else left

    def _has_winner(self) -> bool:
        excluded = self.standings.excluded
        finished = (trial.candidate for trial in self.standings.trials if trial.share >= 1)
        return any(decides(name) for name in finished if name not in excluded)

    def _submit(self, name: str, rung: int, why: str) -> None:
        candidate, standings, clock = self.members[name], self.standings, self.setting.clock
        repeat = _repeat(name, standings)
        if candidate.model.remote:  # every rung would ask the whole validation part for money, and train nothing
            rung = len(standings.rungs) - 1
        predicted = _price(name, rung, repeat, standings)
        if self.setting.late_schedules is not None and not standings.bought(name):
            self.setting.late_schedules.begin(name, standings)
        ends, shortens = rung == len(standings.rungs) - 1 and not repeat, name in standings.shortenable and not repeat
        limit, of_budget = self._limit(predicted, shortens)
        request = TrialRequest(
            candidate,
            rung,
            standings.rungs[rung],
            why,
            predicted,
            standings.value(name),
            standings.left - (standings.after.get(name, 0.0) if ends or shortens else 0.0),
            limit,
            repeat,
            texts_after=self.setting.n_test if (ends or shortens) and name not in standings.after else 0,
            kept_after=self.reserve.testing(standings.trials) + _OVERDRAFT * self.setting.spec.budget_seconds,
            schedule_share=(standings.schedule_share(name) if ends else 1.0) if shortens else None,
            answering=standings.answering(name),
            limit_of_budget=of_budget,
            schedule=standings.short_schedules.get(name),
        )
        self.setting.progress(PurchaseStarted(name, request.share, predicted, why))
        self.in_flight[name] = request, clock.elapsed()
        standings.pending[name] = rung
        if self.workers.in_process:
            self.workers.submit(Job(name, request))
        elif candidate.model.remote or needs_teacher(candidate):  # keys, and models to learn from, are here
            self._collect(name, lambda: run_trial(self.context, request))
        else:
            content = request, checkpoint_of(self.setting.workspace, request)
            memory = self.setting.pool.forecasts[name].memory_bytes
            gpus = int(self.setting.machine.device == "cuda" and bool(candidate.model.groups))
            self.workers.submit(Job(name, content, memory, gpus))

    def _limit(self, predicted: float, ends_in_time: bool) -> tuple[float, bool]:
        """Time limit of a step, and whether it is the budget's; ``ends_in_time``: the step ends on its own by then."""
        left, overdraft = self.setting.clock.left(), GRACE_SECONDS
        if self.setting.step_seconds:
            return self.setting.step_seconds, False
        if self._has_winner() and not ends_in_time:  # the search can do without it
            left, overdraft = self.standings.left, _OVERDRAFT * self.setting.spec.budget_seconds
        return limit_of(predicted, left, overdraft)

    # ------------------------------------------------------------------------------------------------------ collecting

    def _collect(self, name: str, result: Callable[[], Any]) -> None:
        """Record the result of a trial."""
        request, started = self.in_flight[name]
        trial: Trial | None = None
        with self.guard.watch("race", [request.name], since=started) as failed:
            try:
                trial = self._received(request, result())
            except WorkerLostError as error:
                self._on_lost_worker(request, str(error))
                return
            finally:
                del self.in_flight[name], self.standings.pending[name]
        if failed:
            self.failed.update(failure.candidate for failure in failed)
            self._update_excluded()
        elif trial is None and self.setting.clock.left() > self.reserve.seconds(self.standings.trials):
            self.out_of_time.add(name)
            self.setting.progress(AnswersTooSlow(name, self.setting.clock.left()))
            self._update_excluded()
        elif trial is None:  # the budget ended in the middle of the rung
            self.stopped = _BUDGET_ENDED
        else:
            self._record(request, trial)

    def _received(self, request: TrialRequest, result: Any) -> Trial | None:
        """The trial, its files brought into the run folder where another machine sent them."""
        if not isinstance(result, TrialResult):
            trial: Trial | None = result
            return trial
        if result.failure:
            raise IntegrityError(result.failure)
        if result.trial is None:
            return None
        workspace = self.setting.workspace
        unpack(result.files, workspace.of_candidate(request.candidate.name))
        workspace.inside(result.trial.predictions)
        return replace(result.trial, elapsed=self.setting.clock.elapsed())

    def _on_lost_worker(self, request: TrialRequest, reason: str) -> None:
        """A worker ended: its rung is lost; a candidate that ended several is taken to be the cause."""
        self.workers_lost[request.name] += 1
        self.setting.progress(WorkerLost(request.candidate.name, request.share, reason))
        if self.workers_lost[request.name] >= _MAX_WORKERS_LOST:
            raise IntegrityError(
                f"{_MAX_WORKERS_LOST} workers have ended while they ran it ({reason}); it may need more memory than a "
                "worker has."
            )

    def _record(self, request: TrialRequest, trial: Trial) -> None:
        standings, setting, name = self.standings, self.setting, request.candidate.name
        standings.trials.append(trial)
        self._update_excluded()
        standings.begun_before.discard(name)
        if trial.share < 1 and name not in self.context.runs and not self.workers.in_process:
            standings.begun_before.add(name)  # the next rung begins in a fresh process
        setting.workspace.add_trial(trial)
        setting.progress(PurchaseFinished(trial, setting.clock.left()))
        if trial.share >= 1 and not request.repeat and setting.measure is not None:
            self.failed.update(_measure(request.candidate, setting, self.guard, self.reserve))
            self._update_excluded()

    def _update_excluded(self) -> None:
        """Candidates that failed or are too slow for what is left, students with nothing to learn from yet, and those
        that are not to be bought.
        """
        only = self.setting.only
        others = set(self.members) - set(only) if only else set[str]()
        waiting = (
            without_teacher(self.standings.pool, self.standings.trials, self.failed) if self.students else set[str]()
        )
        self.standings.excluded = self.failed | self.out_of_time | waiting | others

    def _give_up(self, request: TrialRequest, reason: str) -> None:
        elapsed = self.setting.clock.elapsed()
        self.setting.workspace.add_failure(Failure(request.name, "race", reason, request.limit, elapsed))


def _standings(setting: RaceContext) -> Standings:
    """The state of the race, with the trials of earlier sessions."""
    screened_in = set(setting.screening.kept)
    standings = Standings(
        pool=[candidate for candidate in setting.pool.candidates if candidate.name in screened_in],
        forecasts=setting.pool.forecasts,
        short_schedules=setting.pool.short_schedules,
        spec=setting.spec,
        machine=setting.machine,
        n_items=len(setting.dataset.validation),
        n_labels=len(setting.dataset.labels),
        screening=setting.screening,
        experience=setting.workspace.read_experience(),
        trials=_checked(setting, screened_in),
        restart_seconds=setting.restart_seconds,
        seed=setting.spec.seed,
        excluded=setting.workspace.read_failures(),
    )
    if "epochs" not in setting.spec.training:
        standings.shortenable = {candidate.name for candidate in standings.pool if can_be_shortened(candidate)}
    if setting.repeat is not None:
        standings.seeds = seeds_available(standings.pool)
    standings.excluded = {*standings.excluded, *without_teacher(standings.pool, standings.trials, standings.excluded)}
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
            if trial.loss > (setting.rule.max_loss if setting.rule else 1.0) + 1e-6
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
    if math.isinf(setting.max_disk_bytes):
        return ""
    if setting.workspace.size_bytes() + candidate.model.size_bytes <= setting.max_disk_bytes:
        return ""
    return f"the run's folder would pass its {setting.max_disk_bytes / 1e6:,.0f} MB of disk"


def _measure(candidate: Candidate, setting: RaceContext, guard: Guard, reserve: Reserve) -> list[str]:
    """Take the footprint of a finished candidate; one that cannot be measured is excluded, and returned."""
    assert setting.measure is not None
    started = setting.clock.elapsed()
    with guard.watch("measuring", [candidate.name]) as failed:
        setting.measure(candidate, setting.dataset.validation.texts[:FOOTPRINT_TEXTS])
    reserve.measured[candidate.name] = setting.clock.elapsed() - started
    return [failure.candidate for failure in failed]


_BUDGET_ENDED = "the budget ended"
_FIRST_FINISHED = "the first candidate is finished"
_OVERDRAFT = 0.05
"""Share of the budget by which a candidate that is already trained may overdraw it to be scored on the test part."""
_MAX_WORKERS_LOST = 2
"""Workers that may end while they run one candidate, before it is excluded."""


def _why_stopped(policy: Policy, standings: Standings) -> str:
    if isinstance(policy, ExplainsStopping):
        return policy.stopped(standings)
    last = len(standings.rungs) - 1
    if all(standings.bought(name) > last for name in standings.candidates):
        return "every remaining candidate has been trained to the end"
    return "the policy found nothing more to buy"


def _check_decides(standings: Standings, setting: RaceContext, full: str) -> None:
    """Check that a candidate other than the majority answer is finished, or raise what ``race`` says."""
    done = {trial.candidate for trial in standings.trials if trial.share >= 1} - set(standings.excluded)
    if any(map(decides, done)):
        return
    if standings.excluded and not any(map(decides, standings.candidates)):
        raise InputError(_nothing_left(sorted(done), setting.workspace))
    if full:
        raise BudgetError(
            f"{full} before any candidate was finished; raise --max-disk and pass --resume, in Python max_disk_mb and "
            "resume of RunSettings."
        )
    if any(map(decides, standings.candidates)):
        beside = f" but the baseline {' and '.join(sorted(done))}" if done else ""
        raise BudgetError(
            f"the budget of {setting.spec.budget_seconds:g} s ended before any candidate{beside} was finished; "
            f"raise --budget and pass --resume, in Python budget and RunSettings.resume (the cheapest needs about "
            f"{_seconds_short(standings, setting)} s more)."
        )


def _nothing_left(baselines: Sequence[str], workspace: Workspace) -> str:
    """The error message of a race in which all candidates except the finished ``baselines`` failed."""
    failures = workspace.read_failures().values()
    if not failures:
        return (
            "every candidate left learns from another (methods such as distil), and none has finished; "
            "add a method to candidates.methods that learns from labels alone, e.g. full."
        )
    *others, last = failures
    left = f"only the baseline {' and '.join(baselines)} was finished" if baselines else "no candidate is left"
    return (
        f"{left}: {last.candidate} failed ({last.reason.rstrip('.')}){', as did the others' if others else ''}, "
        f"see {workspace.failures}; fix that, then start again with another --out."
    )


def _price(name: str, rung: int, repeat: int, standings: Standings) -> float:
    """Predicted seconds of a purchase."""
    if not repeat:
        return standings.price(name, rung)
    offered = standings.repeats()
    return float(offered.seconds[offered.candidates.index(name)])


def _seconds_short(standings: Standings, setting: RaceContext) -> int:
    """What the budget lacks for a resumed run to finish the cheapest candidate that would decide something."""
    last = len(standings.rungs) - 1
    cheapest = min((standings.price(name, last) for name in filter(decides, standings.candidates)), default=0.0)
    needed = setting.restart_seconds + cheapest + setting.reserve.seconds(standings.trials)
    return max(1, math.ceil(needed - setting.clock.left()))
