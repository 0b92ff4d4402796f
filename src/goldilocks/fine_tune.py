"""Tuning one candidate by name, without a race: ``goldilocks tune``."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from goldilocks import plugins
from goldilocks.bundle.write import Tuned, write_tuned
from goldilocks.catalog.find import candidates
from goldilocks.catalog.fit import workload
from goldilocks.data.load import load
from goldilocks.data.mask import mask
from goldilocks.data.stream import load_streamed
from goldilocks.errors import InputError, MissingError
from goldilocks.evaluation.error_cost import loss_rule
from goldilocks.events import Progress, StageStarted, silent
from goldilocks.protocols import FitsHead, Metric, Model, Task
from goldilocks.records import Candidate, Dataset, Measured, Pool, TaskSpec, TrainingConfig
from goldilocks.selection.augmentation import check_augmentation, is_prompted, with_copies
from goldilocks.selection.deciding_metric import deciding_metric
from goldilocks.selection.lost_files import has_model
from goldilocks.selection.run_store import RunStore
from goldilocks.selection.tracking import Tracking
from goldilocks.selection.tune_single import TuningPlan, tune_candidate
from goldilocks.selection.tuning_search import SearchPlan, TuningSearch, need_optuna
from goldilocks.selection.unlabelled_rows import unlabelled_pairs
from goldilocks.selection.workspace import Workspace
from goldilocks.settings import RunSettings
from goldilocks.support.files import read_record
from goldilocks.support.machine.hardware import bound_kernel_caches, machine, set_threads
from goldilocks.support.machine.processes import is_first
from goldilocks.support.sandbox.sandbox import allow_unsafe_execution
from goldilocks.support.suggest import suggest


def tune_one(
    spec: TaskSpec,
    name: str,
    settings: RunSettings,
    overrides: Mapping[str, Any],
    progress: Progress = silent,
    *,
    test_opened: bool = False,
    trials: int = 0,
) -> Measured:
    """Tune one candidate to the end and write it as a bundle to ``settings.out``; its validation score is returned.

    Args:
        spec: The task.
        name: ``family/model/method``.
        settings: Where to write, whether the Hub may be asked.
        overrides: Fields of ``records.TrainingConfig`` that replace the family's own.
        progress: Called as work goes on.
        test_opened: Whether a test score of another candidate is known for these data; the bundle records it.
        trials: Trials of a search over the training options (``selection/tuning_search.py``), which is kept in the
            folder ``NAME.search`` next to ``settings.out``; 0: a single run.

    Raises:
        MissingError: no candidate of that name fits the task; the nearest is named.
        InputError: a training config is given for a one-shot estimator, or the folder is in use.
    """
    task = plugins.load("tasks", spec.task)
    _prepare(spec, task, settings, trials)
    progress(StageStarted("data"))
    dataset = _dataset(spec, task, settings, progress)
    pool = candidates(spec, task, dataset, settings, machine())
    candidate = _candidate(name, pool)
    if spec.data.stream:
        _refuse_one_shot(candidate)
    progress(StageStarted("tuning"))
    metric_name, metric = deciding_metric(spec, task)
    plan = _plan(spec, task, metric, dataset, settings)
    sealed = dataset.sealed()
    if not is_prompted(candidate):
        sealed = with_copies(sealed, spec.augment, spec.folder, offline=settings.offline, seed=spec.seed)
    search = SearchPlan(trials, settings.out.with_name(f"{settings.out.name}.search"), settings.resume)
    tracking = settings.out.with_name(f"{settings.out.name}.tracking")
    spec = spec if is_first() else replace(spec, tracking=())
    with Tracking(spec, tracking, progress, offline=settings.offline) as tracked:
        model, score, origin = _trained(candidate, sealed, metric, overrides, plan, search, tracked)
        tracked.log_score(name, score.value)
    tuned = Tuned(candidate, spec.task, metric_name, score, test_opened, rule=plan.rule, decision=origin)
    if is_first():
        write_tuned(model, tuned, dataset, settings.out, mask=mask)
        if plan.checkpoint is not None:
            shutil.rmtree(plan.checkpoint, ignore_errors=True)
    return score


def _prepare(spec: TaskSpec, task: Task, settings: RunSettings, trials: int) -> None:
    """Apply the settings of the process, and refuse what cannot be tuned or written before any data are read.

    Raises:
        MissingError: Optuna is not installed, or an augmenter does not exist.
        InputError: the folder is in use, or settings do not go together.
    """
    set_threads(settings.threads)
    if spec.data.stream:
        bound_kernel_caches()
    allow_unsafe_execution(settings.unsafe_execution)
    refuse_used(settings.out)
    if trials:
        need_optuna()
    check_augmentation(spec.augment, task.OUTPUT)
    if spec.data.stream and trials:
        raise InputError("data.stream is for a single run; leave it or --search out.")


def _plan(spec: TaskSpec, task: Task, metric: Metric, dataset: Dataset, settings: RunSettings) -> TuningPlan:
    return TuningPlan(
        spec.seed,
        settings.offline,
        spec.options,
        spec.training,
        unlabelled_pairs(spec, task, dataset, offline=settings.offline),
        _checkpoint_of(settings) if settings.processes else None,
        loss_rule(spec.objective, task, dataset.goal, metric, dataset.train.gold).answer_rule,
        shard=settings.shard,
    )


def _trained(
    candidate: Candidate,
    sealed: Dataset,
    metric: Metric,
    overrides: Mapping[str, Any],
    plan: TuningPlan,
    search: SearchPlan,
    progress: Progress,
) -> tuple[Model, Measured, str]:
    """The model, its validation score, and a sentence for the bundle where it is the best of several trials."""
    if not search.trials:
        return *tune_candidate(candidate, sealed, metric, overrides, plan=plan, progress=progress), ""
    model, score, best = TuningSearch(candidate, sealed, metric, overrides, plan, search, progress).run()
    chosen = ", ".join(f"{option} {value:.3g}" for option, value in best.options.items())
    return (
        model,
        score,
        f"{candidate.name} was named by the user. The best of {search.trials} settings on the validation set was taken "
        f"({chosen}), so its validation score is optimistic.",
    )


def _candidate(name: str, pool: Pool) -> Candidate:
    """The candidate of that name.

    Raises:
        MissingError: there is none; the reason, or the nearest name, is given.
    """
    candidate = next((listed for listed in pool.candidates if listed.name == name), None)
    if candidate is None:
        reasons = (exclusion.reason for exclusion in pool.excluded if _speaks_of(exclusion.candidate, name))
        reason = next(reasons, None)
        why = f" It is out: {reason}." if reason else suggest(name, [listed.name for listed in pool.candidates])
        raise MissingError(f"No candidate is named {name!r}.{why} `goldilocks candidates` lists them.")
    return candidate


def refuse_used(folder: Path) -> None:
    """Check that a folder to write a bundle to holds nothing yet.

    Raises:
        InputError: it holds something.
    """
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder}: is not empty; choose another --out.")


def _dataset(spec: TaskSpec, task: Task, settings: RunSettings, progress: Progress) -> Dataset:
    if spec.data.stream:
        return load_streamed(spec, task, settings.out.absolute().parent, progress=progress)
    return load(spec, task, progress=progress)


def _refuse_one_shot(candidate: Candidate) -> None:
    """Check that a candidate takes its training rows in batches, and no more than the tokens of each.

    Raises:
        InputError: it needs all rows at once.
    """
    method = plugins.load("methods", candidate.method)
    trained = method.training_config(TrainingConfig(epochs=1, learning_rate=1, head_learning_rate=1)) is not None
    gradient = bool(set(candidate.model.groups) - {"prompt"})
    if not (trained and gradient and candidate.model.pretrained) or isinstance(method, FitsHead):
        raise InputError(
            f"{candidate.name} needs all training rows in memory; leave out data.stream, or choose a pretrained "
            "network and a method that trains it batch by batch, e.g. full or lora."
        )


def _checkpoint_of(settings: RunSettings) -> Path:
    """Folder of the checkpoints of a run in several processes.

    Raises:
        InputError: it is there, and the run is not to be resumed.
    """
    folder = settings.out.with_name(f"{settings.out.name}.checkpoint")
    if folder.exists() and not settings.resume and is_first():
        raise InputError(f"{folder}: holds a checkpoint; continue it with --resume, or choose another --out.")
    return folder


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
    candidates = {listed.name: listed for listed in pool.candidates}
    candidate = candidates.get(name)
    if candidate is None:
        raise MissingError(
            f"{run}: no candidate of this run is named {name!r}.{suggest(name, list(candidates))} "
            f"`goldilocks decide {run} --out OTHER` lists them."
        )
    opened = workspace.test_opened()
    finished = (trial for trial in workspace.read_trials() if trial.candidate == name and trial.share >= 1)
    trial = next((trial for trial in finished if not trial.repeat), None)
    if trial is None or not has_model(workspace, trial):
        return tune_one(spec, name, settings, {}, progress, test_opened=opened)
    set_threads(settings.threads)
    refuse_used(settings.out)
    task = plugins.load("tasks", spec.task)
    progress(StageStarted("data"))
    dataset = load(spec, task, progress=progress)
    if dataset.fingerprint != trial.data_fingerprint:
        raise InputError(
            f"{run}: was run on other data (fingerprint {trial.data_fingerprint}, now {dataset.fingerprint}); restore "
            "the data that it was run on."
        )
    metric_name, metric = deciding_metric(spec, task)
    progress(StageStarted("bundle"))
    store = RunStore(
        dataset.sealed(), workload(dataset), workspace, settings.offline, spec.seed, spec.options, spec.training
    )
    model = store.restore(candidate)
    tuned = Tuned(
        candidate,
        spec.task,
        metric_name,
        trial.score,
        test_opened=opened,
        rule=loss_rule(spec.objective, task, dataset.goal, metric, dataset.train.gold).answer_rule,
        decision=f"{name} was taken from a run by hand; its decision chose {workspace.winner() or 'nothing'}.",
    )
    write_tuned(model, tuned, dataset, settings.out, mask=mask)
    return trial.score


def _speaks_of(excluded: str, name: str) -> bool:
    """Whether an exclusion (a candidate, a model, a family, or a pattern of them) is about the candidate ``name``."""
    return fnmatchcase(name, excluded) or name.startswith(f"{excluded}/")
