"""Run one trial: train a candidate up to a rung, score it on the validation part and store the result.

The executor decides where a trial runs. In the race's own process a run stays in memory between its rungs and the
checkpoint goes to the run folder. Elsewhere (``run_trial_remotely``) the request brings the checkpoint and the result
returns it as bytes, so that the run folder holds everything and workers keep no state.
"""

from __future__ import annotations

import math
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any, Protocol, runtime_checkable

from goldilocks import plugins
from goldilocks.answers import Answers
from goldilocks.errors import InputError, IntegrityError
from goldilocks.evaluation.error_cost import LossRule
from goldilocks.evaluation.score import loss_of, measured
from goldilocks.evaluation.score import score as score_of
from goldilocks.events import Progress, TrainingStep, silent
from goldilocks.protocols import Metric
from goldilocks.records import Candidate, Dataset, Gold, Measured, ShortSchedule, Text, Trial
from goldilocks.selection.answers_in_time import PORTION, answers_in_time, nothing
from goldilocks.selection.failures import own_fault
from goldilocks.selection.run_store import RunStore
from goldilocks.selection.seeds import seed_name
from goldilocks.selection.shorter_finish import ShortensSchedule, train_to_end
from goldilocks.selection.standings import RUNGS
from goldilocks.selection.watchdog import GRACE_SECONDS, StepTimeoutError, time_limit
from goldilocks.selection.workspace import Workspace
from goldilocks.support.files import sha256_of, sha256_of_folder
from goldilocks.support.machine.clock import Clock
from goldilocks.support.machine.hardware import set_threads
from goldilocks.support.sandbox.sandbox import allow_unsafe_execution


class TrainingRun(Protocol):
    """The training of one candidate, which can be continued step by step (``tuning.run``)."""

    share: float

    def advance(
        self, share: float, *, stop: Callable[[], bool] | None = None, on_step: Callable[[float], None] | None = None
    ) -> None:
        """Continue training up to ``share`` of the full run, or until ``stop`` returns true."""

    def predict(self, texts: Sequence[Text]) -> Answers:
        """Answers, as ``protocols.Model.predict``."""


@runtime_checkable
class ReportsLoss(Protocol):
    """A run (besides ``TrainingRun``) that is trained by gradient descent."""

    @property
    def loss(self) -> float | None:
        """Training loss of the last step; ``None``: there is none."""


@dataclass(frozen=True, slots=True)
class TrialRequest:
    """A trial to run: which candidate, up to which rung, and within which limits."""

    candidate: Candidate
    rung: int
    share: float
    """Share of the full run at the rung."""
    why: str
    predicted: float
    """Seconds."""
    value: float
    """Money per month; see ``records.Trial``."""
    seconds_left: float
    """Seconds left of the budget: the run ends on its own when they are over."""
    limit: float
    """Time limit, seconds; see ``selection/watchdog.py``."""
    repeat: int = 0
    """Number of a further seed; 0: the first run."""
    texts_after: int = 0
    """Texts that the candidate, whose speed is not known, would have to answer after the race, were it the winner."""
    kept_after: float = 0.0
    """Seconds that are kept for them, in addition to ``seconds_left``."""
    schedule_share: float | None = None
    """Share of its schedule that the run is planned to end with; it may end earlier where it turns out to be slower,
    also on its way to an earlier rung. ``None``: the schedule stays as it is."""
    answering: float = 0.0
    """Predicted seconds of the validation answers, which training leaves of ``seconds_left``; 0: nothing is known."""
    limit_of_budget: bool = False
    """Whether ``limit`` is that of the budget, so that a run that reaches it has not failed."""
    schedule: ShortSchedule | None = None
    """The candidate's schedule, where that was shortened; for other machines."""

    @property
    def name(self) -> str:
        """The candidate, with the seed where it is not the first."""
        return seed_name(self.candidate.name, self.repeat) if self.repeat else self.candidate.name


@dataclass(frozen=True, slots=True)
class TrialContext:
    """What every trial of a search in this process needs."""

    dataset: Dataset
    metric: Metric
    rule: LossRule | None
    """How answers become loss in money; ``None``: by the metric's loss."""
    seed: int
    workspace: Workspace
    start: Callable[[Candidate], TrainingRun]
    """Makes a candidate's run, from its checkpoint where there is one."""
    keep: Callable[[Candidate, Any], None]
    """Takes what ``start`` made; writes a run's checkpoint (and its model when finished)."""
    repeat: Callable[[Candidate, int], TrainingRun] | None
    """Makes a run from scratch with another training seed."""
    clock: Clock
    progress: Progress
    give_up: Callable[[TrialRequest, str], None] | None = None
    """Called in another thread with the reason before the process of a hanging step is ended."""
    runs: dict[str, TrainingRun] = field(default_factory=dict)
    """Runs that are under way, in memory."""


def run_trial(context: TrialContext, request: TrialRequest) -> Trial | None:
    """Train, score and store a candidate; ``None`` if the budget ended before the rung was reached.

    A run that would not reach the rung in time, or not its end from there, is finished with fewer epochs instead, as
    far as it can be: the trial is then at the last rung.

    Raises:
        StepTimeoutError: the time limit was reached.
        GoldilocksError: something went wrong with the candidate, or with the run folder.
    """
    step = f"{request.name}, up to {request.share:.0%} of its run"

    def give_up(reason: str) -> None:
        if context.give_up is not None:
            context.give_up(request, reason)

    # The process is not ended because of the budget alone: a fit that cannot be interrupted has a minute more.
    grace = 2 * GRACE_SECONDS if request.limit_of_budget else GRACE_SECONDS
    try:
        with time_limit(request.limit, step, grace=grace, give_up=give_up):
            return _run_trial(context, request)
    except StepTimeoutError:
        if request.limit_of_budget:
            return None
        raise


def _run_trial(context: TrialContext, request: TrialRequest) -> Trial | None:
    """As ``run_trial``, without the time limit."""
    name, repeat, validation = request.candidate.name, request.repeat, context.dataset.validation
    started, used = time.perf_counter(), context.workspace.spending_log(name).own()
    left = _TimeLeft(request, context)
    run = _begin(context, request)

    def on_step(done: float) -> None:
        context.progress(TrainingStep(name, done, run.loss if isinstance(run, ReportsLoss) else None))

    rung, share = _train(run, request, left, on_step)
    if run.share < share - 1e-9:
        return None
    asked = time.perf_counter()
    answers = answers_in_time(run, validation.texts, left.seconds, left.after if share >= 1 else nothing)
    if answers is None:
        return None
    if context.rule is not None:
        answers = context.rule.answers(answers)
    per_text = max(time.perf_counter() - asked, 0.0) / max(len(validation), 1)
    usage = context.workspace.spending_log(name).own() - used if request.candidate.model.remote else None
    _store(context, request, run, share)
    relative = context.workspace.write_answers(name, rung, answers, repeat)
    scoring = time.perf_counter()
    score, loss = _score(context, validation.gold, answers)
    return Trial(
        candidate=name,
        rung=rung,
        share=share,
        seconds=max(time.perf_counter() - started, 0.0),
        score=score,
        loss=loss,
        predictions=relative,
        seconds_per_text=per_text,
        scoring_seconds=max(time.perf_counter() - scoring, 0.0),
        elapsed=context.clock.elapsed(),
        predicted_seconds=request.predicted,
        value=request.value,
        why=request.why,
        data_fingerprint=context.dataset.fingerprint,
        usage=usage,
        repeat=repeat,
        schedule_share=run.schedule_share if isinstance(run, ShortensSchedule) else 1.0,
        predictions_sha256=sha256_of(context.workspace.inside(relative)),
        model_sha256="" if share < 1 or repeat else _digest_of_model(context.workspace.of_candidate(name) / "model"),
    )


def _begin(context: TrialContext, request: TrialRequest) -> TrainingRun:
    """The candidate's run: a new one for a further seed, otherwise from memory or from the checkpoint."""
    if request.repeat and context.repeat is not None:
        return context.repeat(request.candidate, request.repeat)
    name = request.candidate.name
    return context.runs.pop(name) if name in context.runs else context.start(request.candidate)


def _store(context: TrialContext, request: TrialRequest, run: TrainingRun, share: float) -> None:
    """Write the run's checkpoint or model; an unfinished run stays in memory too."""
    if not request.repeat:  # only the answers of a further seed are needed
        context.keep(request.candidate, run)
    if share < 1:  # a finished one is on the disk; a pool of large models must not pile up in memory
        context.runs[request.candidate.name] = run


def _score(context: TrialContext, gold: Sequence[Gold], answers: Answers) -> tuple[Measured, float]:
    """The score of the validation answers, with its interval, and their loss."""
    _refuse_undefined(context.metric, gold, answers)
    score = measured(context.metric, gold, answers.values, seed=context.seed)
    loss = loss_of(context.metric, score.value) if context.rule is None else context.rule.loss(gold, answers)
    return score, float(loss)


@dataclass(slots=True)
class _TimeLeft:
    """Seconds that a trial has left, in all and for training."""

    request: TrialRequest
    context: TrialContext
    _until: float = field(init=False)
    _scoring: float = field(init=False)
    """Seconds that answers, and what follows the race, are predicted to take; 0: nothing is known."""

    def __post_init__(self) -> None:
        """Begin."""
        self._until = self.context.clock.elapsed() + self.request.seconds_left
        self._scoring = self.request.answering

    def seconds(self) -> float:
        """In all."""
        return self._until - self.context.clock.elapsed()

    def after(self, per_text: float) -> float:
        """What has to be left after the answers of a finished model, from the seconds that a text takes."""
        return max(per_text * self.request.texts_after - self.request.kept_after, 0.0)

    def training(self) -> float:
        """For training alone."""
        return self.seconds() - self._scoring

    def time_answers(self, run: TrainingRun) -> None:
        """Time a few answers of a model whose speed is not known, so that training ends in time for all of them."""
        texts = self.context.dataset.validation.texts
        if not texts:
            return
        run.predict(texts[:1])  # warm-up: what a model does only once is not counted
        started, sample = time.perf_counter(), texts[:PORTION]
        run.predict(sample)
        per_text = (time.perf_counter() - started) / len(sample)
        self._scoring = per_text * len(texts) + self.after(per_text)


def _train(
    run: TrainingRun, request: TrialRequest, left: _TimeLeft, on_step: Callable[[float], None]
) -> tuple[int, float]:
    """Train a run up to its rung, or to a shorter end; the rung and the share that it is to have reached."""
    if request.schedule_share is None or not isinstance(run, ShortensSchedule):
        run.advance(request.share, stop=lambda: left.seconds() <= 0, on_step=on_step)
        return request.rung, request.share
    if request.share < 1:
        # The way to the end is longer than that to the rung: beyond half of the time only a shorter end is in reach.
        until = left.training() / 2 if left.training() < math.inf else 0.0
        run.advance(request.share, stop=lambda: left.training() <= until, on_step=on_step)
        if run.share >= request.share - 1e-9:
            return request.rung, request.share
    time_answers = None if request.answering else (lambda: left.time_answers(run))
    train_to_end(run, request.schedule_share, left.training, on_step, time_answers)
    return len(RUNGS) - 1, 1.0


def _digest_of_model(folder: Path) -> str:
    return sha256_of_folder(folder) if folder.is_dir() else ""


def _refuse_undefined(metric: Metric, gold: Sequence[Gold], answers: Answers) -> None:
    """Check that the metric has a value for a candidate's answers; without one it is excluded."""
    if not math.isfinite(value := score_of(metric, gold, answers.values)):
        raise InputError(
            f"the metric is not defined for its answers (it is {value}); exclude the candidate, or let another metric "
            "decide."
        )


# ------------------------------------------------------------------------------------------------------ other processes


@dataclass(frozen=True, slots=True)
class RemoteTrialContext:
    """What all trials of a search need on other machines; sent to each worker once."""

    store: RunStore
    """Its workspace is not sent: each trial has a temporary one."""
    metric: Metric
    rule: LossRule | None
    threads: int
    unsafe_execution: bool
    version: str = field(default_factory=lambda: version("goldilocks-lm"))


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What another machine returns: the trial and its files, or the reason for the failure."""

    trial: Trial | None
    """``None``: the budget ended before the rung was reached."""
    files: Mapping[str, bytes]
    """Path in the candidate's folder -> content: checkpoint or model, and the validation answers."""
    failure: str = ""
    """Why the candidate is excluded; empty: it is not."""


def run_trial_remotely(shared: RemoteTrialContext, content: tuple[TrialRequest, Mapping[str, bytes]]) -> TrialResult:
    """Run a trial in another process, in a temporary folder; see ``protocols.Workers.share``.

    Args:
        shared: As it was sent to the worker.
        content: The request, and the candidate's checkpoint as ``checkpoint_of`` packed it.

    Raises:
        InputError: this machine has another version of Goldilocks, or no space.
    """
    if (installed := version("goldilocks-lm")) != shared.version:
        raise InputError(
            f"a worker has Goldilocks {installed} and this machine {shared.version}; install the same version on every "
            "node of the cluster, then --resume."
        )
    set_threads(shared.threads)
    allow_unsafe_execution(shared.unsafe_execution)
    request, files = content
    _import_training(request.candidate)
    with tempfile.TemporaryDirectory(prefix="goldilocks-") as scratch:
        workspace = Workspace(Path(scratch))
        folder = workspace.of_candidate(request.candidate.name)
        unpack(files, folder)
        schedules = {} if request.schedule is None else {request.candidate.name: request.schedule}
        store = replace(shared.store, workspace=workspace, short_schedules=schedules, _folders={}, _footprints={})
        context = TrialContext(
            store.dataset,
            shared.metric,
            shared.rule,
            store.seed,
            workspace,
            store.start,
            store.keep,
            store.repeat,
            Clock(),
            silent,
        )
        try:
            trial = run_trial(context, request)
        except Exception as error:
            reason = own_fault(error)
            if reason is None:
                raise
            return TrialResult(None, {}, reason)
        return TrialResult(trial, {} if trial is None else packed(folder))


def import_training() -> None:
    """Import what training needs: the seconds of a first run are to be those of training."""
    import goldilocks.tuning.run  # noqa: F401


def _import_training(candidate: Candidate) -> None:
    import_training()
    plugins.load("families", candidate.model.family)
    plugins.load("methods", candidate.method)


def checkpoint_of(workspace: Workspace, request: TrialRequest) -> dict[str, bytes]:
    """The files that a request needs in addition to the data: the candidate's checkpoint, if its run has begun."""
    folder = workspace.of_candidate(request.candidate.name)
    files = {} if request.repeat else packed(folder / "checkpoint")
    return {f"checkpoint/{name}": data for name, data in files.items()}


def packed(folder: Path) -> dict[str, bytes]:
    """The files of a folder: path relative to it -> content."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def unpack(files: Mapping[str, bytes], folder: Path) -> None:
    """Write files into a folder; a folder among them replaces the one that is there as a whole.

    Raises:
        IntegrityError: a path leads out of the folder.
        InputError: the disk is full or the folder cannot be written to.
    """
    beside = folder / _ARRIVING
    try:
        shutil.rmtree(beside, ignore_errors=True)
        for name, content in files.items():
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts:
                raise IntegrityError(f"a worker sent the file {name!r}, which leads out of the run's folder.")
            (beside / path).parent.mkdir(parents=True, exist_ok=True)
            (beside / path).write_bytes(content)
        for arrived in sorted(beside.iterdir()) if files else ():
            if (folder / arrived.name).is_dir():
                shutil.rmtree(folder / arrived.name)
            arrived.replace(folder / arrived.name)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written to ({error}); free space, then --resume.") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


_ARRIVING = "model.part"
"""What ``Workspace.remove_parts`` removes after a crash."""
