"""The whole path, top to bottom. Read this file first.

``build`` is the story: data, candidates, a cheap look, a race, a decision, the test part opened once, the bundle, the
report. Each line is a stage with a folder of its own. Everything is written to the run's folder as it comes about, so
that a run that was interrupted, even by a power cut, goes on where it stood.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from goldilocks import plugins
from goldilocks.bundle.write import write, write_tuned
from goldilocks.catalog.find import candidates
from goldilocks.catalog.fit import workload
from goldilocks.catalog.lengths import token_counters
from goldilocks.data.language import language_of
from goldilocks.data.load import load
from goldilocks.data.mask import mask
from goldilocks.errors import EndpointError, InputError, MissingError
from goldilocks.evaluation.evaluation import evaluate
from goldilocks.evaluation.stored import read_stored, to_stored
from goldilocks.events import Decided, Progress, StageStarted, silent
from goldilocks.protocols import HasBaselines, Metric, Model, Task
from goldilocks.records import (
    DataProfile,
    Dataset,
    Decision,
    Evaluation,
    Finding,
    Measured,
    Pool,
    Screening,
    TaskSpec,
    Trial,
)
from goldilocks.report.write import write_report
from goldilocks.selection.conclude import conclude
from goldilocks.selection.digests import check_inputs
from goldilocks.selection.failures import Guard
from goldilocks.selection.race import RaceContext, race
from goldilocks.selection.run_store import RunStore
from goldilocks.selection.screen import screen
from goldilocks.selection.tune_single import tune_candidate
from goldilocks.selection.workspace import Workspace
from goldilocks.settings import RunSettings, read_task
from goldilocks.support.files import from_json, read_record, read_text, to_json, write_text
from goldilocks.support.machine.clock import Clock
from goldilocks.support.machine.hardware import machine, set_threads
from goldilocks.support.sandbox.sandbox import allow_unsafe_execution
from goldilocks.support.suggest import suggest

_SCREENING = 0.25
"""Share of the budget that the screening may take."""


def select(task: TaskSpec | Path | str, settings: RunSettings | None = None, progress: Progress = silent) -> Decision:
    """Choose, tune and hand over the model that is just right for a task.

    Args:
        task: A task file, or a task already read.
        settings: Where to write, whether to resume, whether the Hub may be asked.
        progress: Called as work goes on.

    Returns:
        The decision; the same as in ``decision.json``. The bundle lies beside it, in ``settings.out / "bundle"``.

    Raises:
        GoldilocksError: see ``errors.py`` for the kinds, and for what to do about each.
    """
    spec = task if isinstance(task, TaskSpec) else read_task(task)
    settings = settings or RunSettings()
    set_threads(settings.threads)
    allow_unsafe_execution(settings.unsafe_execution)
    workspace = Workspace(Path(settings.out))
    with workspace.removed_if_not_started(), workspace.claimed():
        workspace.begin(spec, resume=settings.resume)
        return build(spec, settings, workspace, progress)


def build(spec: TaskSpec, settings: RunSettings, workspace: Workspace, progress: Progress) -> Decision:
    """From a task to a folder that can be served. The workspace must be claimed."""
    task, policy = plugins.load("tasks", spec.task), plugins.load("policies", settings.policy)
    metric_name, metric = _deciding_metric(spec, task)
    clock = Clock(spec.budget_seconds, workspace.elapsed())
    guard = Guard(workspace, clock, progress)  # what goes wrong with one candidate takes out that one only

    progress(StageStarted("data"))
    dataset = load(spec, task, tokenizers=token_counters, progress=progress)  # read, checked, split, fingerprinted
    _remember_data(workspace, dataset)

    progress(StageStarted("candidates"))
    pool = candidates(spec, task, dataset, settings, machine())  # who could do it, and who could not and why
    write_text(workspace.pool, to_json(pool))

    closed = dataset.sealed()  # from here to the decision nobody holds the test part
    entrants = RunStore(closed, workload(closed), workspace, settings.offline, spec.seed, spec.options)
    screening = _screen_once(workspace, closed, pool, entrants, guard)  # one cheap look, no training
    setting = RaceContext(
        closed,
        pool,
        screening,
        spec,
        machine(),
        metric,
        workspace,
        entrants.start,
        entrants.keep,
        clock,
        progress,
        baselines=task.BASELINES if isinstance(task, HasBaselines) else (),
        measure=entrants.footprint,
        n_test=len(dataset.test),
        max_disk_bytes=math.inf if settings.max_disk_mb is None else settings.max_disk_mb * 1e6,
    )

    workspace.forget_lost()  # finished candidates whose files were deleted are bought again
    while True:  # once, unless somebody falls out behind the race: then it goes on among the others
        progress(StageStarted("race", len(screening.kept)))
        trials, stopped = race(setting, policy)  # runs bought piece by piece while they are worth their price
        for one in trials:
            if one.share >= 1:
                entrants.drop_checkpoint(one.candidate)

        progress(StageStarted("decision"))
        chosen = conclude(
            setting, trials, stopped, settings.policy, measure=entrants.footprint, metric_name=metric_name
        )
        if chosen is None:
            continue
        write_text(workspace.decision, to_json(chosen))  # written before the test part is opened

        progress(StageStarted("test"))
        winner = next(one for one in pool.candidates if one.name == chosen.winner.candidate)
        with guard.watch("test", [winner.name], only=(EndpointError,)) as fallen:
            model = entrants.restore(winner)
            evaluation = _opened(model, dataset, metric_name, task, spec.seed)
            decision = replace(
                chosen,
                test_score=evaluation.score,
                test_scores=evaluation.scores,
                conditions=evaluation.conditions,
            )
            write_text(workspace.decision, to_json(decision))

            progress(StageStarted("bundle"))
            write(model, decision, winner, dataset, workspace.bundle, mask=mask)
        if not fallen:
            break

    report(workspace, decision, dataset, screening, trials, pool, evaluation)
    progress(Decided(decision))
    return decision


def _opened(model: Model, dataset: Dataset, metric_name: str, task: Task, seed: int) -> Evaluation:
    """The model on the test part."""
    return evaluate(
        model.predict(dataset.test.texts),
        dataset.test,
        dataset.goal,
        metric_name,
        task.METRICS,
        name="test",
        language_of=language_of,
        data_fingerprint=dataset.fingerprint,
        seed=seed,
    )


def report(
    workspace: Workspace,
    decision: Decision,
    dataset: Dataset,
    screening: Screening,
    trials: tuple[Trial, ...],
    pool: Pool,
    evaluation: Evaluation,
) -> Path:
    """Write ``report.html`` and the evaluation it was made from."""
    write_text(workspace.evaluation, to_stored(evaluation))
    return write_report(
        workspace.report,
        decision=decision,
        profile=dataset.profile,
        findings=dataset.findings,
        screening=screening,
        trials=trials,
        pool=pool,
        evaluation=evaluation,
        task_yaml=_without_folder(read_text(workspace.task)),
    )


def _deciding_metric(spec: TaskSpec, task: Task) -> tuple[str, Metric]:
    """The metric that decides, and its name: the task file's, or the first of the task.

    Raises:
        InputError: it is about another kind of answer, or has no worst value, so that it gives no loss between 0 and 1.
    """
    name = spec.metric or task.METRICS[0]
    metric = plugins.load("metrics", name)
    if task.OUTPUT not in metric.OUTPUTS:
        fitting = [one for one in plugins.names("metrics") if task.OUTPUT in plugins.load("metrics", one).OUTPUTS]
        raise InputError(
            f"task file: the metric {name} is about {', '.join(sorted(metric.OUTPUTS))}, {spec.task} gives "
            f"{task.OUTPUT}; name one of {', '.join(fitting)}."
        )
    if not all(map(math.isfinite, metric.RANGE)):
        raise InputError(
            f"task file: the metric {name} has no worst value, so it cannot decide (it is reported); name another, "
            f"such as {task.METRICS[0]}."
        )
    return name, metric


def _without_folder(task_yaml: str) -> str:
    """The task without the folder it lay in: where files are on one machine is nobody else's business."""
    return "".join(line for line in task_yaml.splitlines(keepends=True) if not line.startswith("folder:"))


def check(task: TaskSpec | Path | str, progress: Progress = silent) -> Dataset:
    """Read, check and split the data of a task; nothing is trained. The findings are in the result.

    Raises:
        GoldilocksError: the data cannot be used as they are, or the metric cannot decide; the message says what to do.
    """
    spec = task if isinstance(task, TaskSpec) else read_task(task)
    plugin = plugins.load("tasks", spec.task)
    _deciding_metric(spec, plugin)
    return load(spec, plugin, tokenizers=token_counters, progress=progress)


def _remember_data(workspace: Workspace, dataset: Dataset) -> None:
    """Write ``data.json``; a run that goes on must be on the same data."""
    if workspace.data.exists():
        there = json.loads(read_text(workspace.data)).get("fingerprint")
        if there != dataset.fingerprint:
            raise InputError(
                f"{workspace.folder}: its run was on other data (fingerprint {there}, now {dataset.fingerprint}); "
                "restore the data, or start anew with another --out."
            )
    content = {
        "fingerprint": dataset.fingerprint,
        "instruction": dataset.instruction,
        "labels": dataset.labels,
        "profile": dataset.profile,
        "findings": dataset.findings,
    }
    write_text(workspace.data, to_json(content))


def _screen_once(workspace: Workspace, dataset: Dataset, pool: Pool, entrants: RunStore, guard: Guard) -> Screening:
    """The screening of this run; taken from its file where it was done before."""
    guard.progress(StageStarted("screening", len(pool.candidates)))
    if workspace.screening.exists():
        return read_record(Screening, workspace.screening)
    out = workspace.read_dropped()
    limit = min(_SCREENING * guard.clock.budget_seconds, 2 * _SCREENING * max(guard.clock.left(), 0.0))
    until = guard.clock.elapsed() + limit
    screening = screen(
        dataset,
        replace(pool, candidates=tuple(one for one in pool.candidates if one.name not in out)),
        features=lambda facts, texts: entrants.features(facts, texts, lambda: until - guard.clock.elapsed()),
        seconds_limit=limit,
        seed=0,
        progress=guard.progress,
        watch=lambda names: guard.watch("screening", names),
    )
    write_text(workspace.screening, to_json(screening))
    return screening


def tune_one(
    spec: TaskSpec,
    name: str,
    settings: RunSettings,
    overrides: Mapping[str, Any],
    progress: Progress = silent,
    *,
    test_opened: bool = False,
) -> Measured:
    """Tune one candidate to the end and write it as a bundle to ``settings.out``; its validation score is returned.

    Args:
        spec: The task.
        name: ``family/model/method``.
        settings: Where to write, whether the Hub may be asked.
        overrides: Fields of ``records.TrainingConfig`` that replace the family's own.
        progress: Called as work goes on.
        test_opened: Whether a test score of another candidate is known for these data; the bundle records it.

    Raises:
        MissingError: no candidate of that name fits the task; the nearest is named.
        InputError: a recipe is given for a model that is fitted in one go, or the folder is taken.
    """
    set_threads(settings.threads)
    allow_unsafe_execution(settings.unsafe_execution)
    if settings.out.exists() and any(settings.out.iterdir()):
        raise InputError(f"{settings.out}: is not empty; choose another --out.")
    task = plugins.load("tasks", spec.task)
    progress(StageStarted("data"))
    dataset = load(spec, task, progress=progress)
    pool = candidates(spec, task, dataset, settings, machine())
    candidate = next((one for one in pool.candidates if one.name == name), None)
    if candidate is None:
        reasons = (one.reason for one in pool.excluded if _speaks_of(one.candidate, name))
        reason = next(reasons, None)
        why = f" It is out: {reason}." if reason else suggest(name, [one.name for one in pool.candidates])
        raise MissingError(f"No candidate is named {name!r}.{why} `goldilocks candidates` lists them.")
    progress(StageStarted("tuning"))
    metric_name, metric = _deciding_metric(spec, task)
    model, score = tune_candidate(
        candidate,
        dataset.sealed(),
        metric,
        overrides,
        offline=settings.offline,
        seed=spec.seed,
        progress=progress,
        options=spec.options,
    )
    write_tuned(
        model, candidate, dataset, metric_name, score, spec.task, settings.out, mask=mask, test_opened=test_opened
    )
    return score


def tune_from(run: Path, name: str, settings: RunSettings, progress: Progress = silent) -> Measured:
    """Write the bundle of another candidate of a run; its validation score is returned.

    A candidate that finished is bundled as it is; any other is tuned to the end first. The bundle records that the test
    set of its data was already opened, if it was: a test score of this candidate would be a second look.

    Args:
        run: Folder of a run; nothing in it is changed.
        name: ``family/model/method``.
        settings: Where to write, whether the Hub may be asked.
        progress: Called as work goes on.

    Raises:
        MissingError: the folder holds no run, or no candidate of that name; the nearest is named.
        InputError: the folder to write to is not empty, or the data have changed since the run.
    """
    workspace = Workspace(run)
    spec, pool = workspace.read_task(), read_record(Pool, workspace.pool)
    candidate = next((one for one in pool.candidates if one.name == name), None)
    if candidate is None:
        raise MissingError(
            f"{run}: no candidate of this run is named {name!r}.{suggest(name, [one.name for one in pool.candidates])} "
            f"`goldilocks decide {run} --out OTHER` lists them."
        )
    opened = workspace.test_opened()
    trial = next((one for one in workspace.read_trials() if one.candidate == name and one.share >= 1), None)
    store_folder = workspace.of_candidate(name) / "model"
    if trial is None or not store_folder.is_dir():
        return tune_one(spec, name, settings, {}, progress, test_opened=opened)
    set_threads(settings.threads)
    if settings.out.exists() and any(settings.out.iterdir()):
        raise InputError(f"{settings.out}: is not empty; choose another --out.")
    task = plugins.load("tasks", spec.task)
    progress(StageStarted("data"))
    dataset = load(spec, task, progress=progress)
    if dataset.fingerprint != trial.data_fingerprint:
        raise InputError(
            f"{run}: was run on other data (fingerprint {trial.data_fingerprint}, now {dataset.fingerprint}); restore "
            "the data that it was run on."
        )
    metric_name, _ = _deciding_metric(spec, task)
    progress(StageStarted("bundle"))
    store = RunStore(dataset.sealed(), workload(dataset), workspace, settings.offline, spec.seed, spec.options)
    model = store.restore(candidate)
    write_tuned(
        model,
        candidate,
        dataset,
        metric_name,
        trial.score,
        spec.task,
        settings.out,
        mask=mask,
        test_opened=opened,
        decision=f"{name} was taken from a run by hand; its decision chose {workspace.winner() or 'nothing'}.",
    )
    return trial.score


def _speaks_of(excluded: str, name: str) -> bool:
    """Whether an exclusion (a candidate, a model, a family, or a pattern of them) is about the candidate ``name``."""
    return fnmatchcase(name, excluded) or name.startswith(f"{excluded}/")


def rewrite_report(folder: Path) -> Path:
    """Write the report of a finished run again, from its records alone.

    Raises:
        MissingError: the run is not finished.
        IntegrityError: what its decision was made from was changed since.
    """
    workspace = Workspace(folder)
    decision = read_record(Decision, workspace.decision)
    check_inputs(workspace, decision)
    data = json.loads(read_text(workspace.data))
    return write_report(
        workspace.report,
        decision=decision,
        profile=from_json(DataProfile, json.dumps(data["profile"]), where=workspace.data),
        findings=tuple(from_json(Finding, json.dumps(one), where=workspace.data) for one in data["findings"]),
        screening=read_record(Screening, workspace.screening),
        trials=tuple(workspace.read_trials()),
        pool=read_record(Pool, workspace.pool),
        evaluation=read_stored(workspace.evaluation),
        task_yaml=_without_folder(read_text(workspace.task)),
    )
