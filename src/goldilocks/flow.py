"""The whole path from a task to a bundle. Read this file first.

``build`` runs the stages: data, candidates, screening, race, decision, one score on the test set, bundle, report. Each
stage is a package of its own. All results are written to the run folder as they are obtained, so that an interrupted
run continues where it stopped, even after a power failure.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from goldilocks import plugins
from goldilocks.answers import Answers, by_rule
from goldilocks.bundle.write import CompressedForm, Winner, check_target, write
from goldilocks.catalog.find import candidates
from goldilocks.catalog.fit import workload
from goldilocks.catalog.lengths import token_counters
from goldilocks.catalog.short_schedules import Scheduler, with_short_schedules
from goldilocks.catalog.students import on_this_machine
from goldilocks.compression.distil import SeededDistil
from goldilocks.compression.form import Provenance, compressed_form
from goldilocks.compression.search import SearchPlan
from goldilocks.compression.trial import Comparison, SavedModel
from goldilocks.data.language import language_of
from goldilocks.data.load import load
from goldilocks.data.mask import mask
from goldilocks.errors import EndpointError, InputError
from goldilocks.evaluation.error_cost import LossRule, loss_rule
from goldilocks.evaluation.evaluation import ErrorAnalysis, evaluate
from goldilocks.evaluation.stored import read_stored, to_stored
from goldilocks.evaluation.trivial_baselines import trivial_answers
from goldilocks.events import CompressionTried, Decided, Progress, StageStarted, silent
from goldilocks.protocols import (
    Calibration,
    ExecutorOptions,
    HasBaselines,
    Model,
    SupportsTokenLikelihoods,
    Task,
    Workers,
)
from goldilocks.records import (
    AnswerRule,
    CompressedCandidate,
    DataProfile,
    Dataset,
    Decision,
    Evaluation,
    Finding,
    Pool,
    Screening,
    TaskSpec,
    Text,
    Trial,
)
from goldilocks.report.write import ReportRecords, write_report
from goldilocks.selection.augmentation import check_augmentation, with_copies
from goldilocks.selection.combinations import check_kinds, forget_combinations, with_combinations
from goldilocks.selection.conclude import conclude
from goldilocks.selection.deciding_metric import deciding_metric
from goldilocks.selection.digests import check_inputs
from goldilocks.selection.experience import recorded_experience
from goldilocks.selection.experience_store import ExperienceStore
from goldilocks.selection.failures import Guard
from goldilocks.selection.first_answer import finish_cheapest
from goldilocks.selection.footprint_process import footprint_of
from goldilocks.selection.incumbent import with_incumbent
from goldilocks.selection.late_schedules import late_schedules
from goldilocks.selection.lost_files import forget_lost, has_compressed, with_digests
from goldilocks.selection.race import race
from goldilocks.selection.race_context import FOOTPRINT_TEXTS, RaceContext
from goldilocks.selection.run_store import RunStore
from goldilocks.selection.screen import ScreeningPlan, nothing_screened, screen, worth_screening
from goldilocks.selection.second_chance import pricing, second_chances
from goldilocks.selection.tracking import Tracking
from goldilocks.selection.trials import RemoteTrialContext, import_training, run_trial_remotely
from goldilocks.selection.unlabelled_rows import unlabelled_pairs
from goldilocks.selection.workspace import Workspace
from goldilocks.settings import RunSettings, read_task
from goldilocks.support.files import from_json, read_object, read_record, read_text, with_checksum, write_text
from goldilocks.support.machine.clock import Clock
from goldilocks.support.machine.hardware import machine, set_threads
from goldilocks.support.sandbox.sandbox import allow_unsafe_execution

_SCREENING = 0.25
"""Share of the budget that the screening may take."""


def select(task: TaskSpec | Path | str, settings: RunSettings | None = None, progress: Progress = silent) -> Decision:
    """Select and fine-tune the model that is just right for a task, and write it as a bundle.

    Args:
        task: A task file, or a ``TaskSpec``.
        settings: Run folder, whether to resume, use of the Hub, and other settings.
        progress: Called with each progress event.

    Returns:
        The decision, as in ``decision.json``. The bundle is in ``settings.out / "bundle"``.

    Raises:
        GoldilocksError: see ``errors.py`` for its subclasses and what to do about each.
    """
    spec = task if isinstance(task, TaskSpec) else read_task(task)
    settings = settings or RunSettings()
    if spec.training.get("patience"):
        raise InputError(
            "training.patience is for `goldilocks tune`; a search compares runs of the same length, so leave it out "
            "and tune the winner with --patience afterwards."
        )
    set_threads(settings.threads)
    allow_unsafe_execution(settings.unsafe_execution)
    workspace = Workspace(Path(settings.out))
    with workspace.removed_if_not_started(), workspace.claimed():
        workspace.begin(spec, resume=settings.resume)
        tracking = Tracking(spec, workspace.folder / "tracking", progress, offline=settings.offline)
        with _workers(settings) as workers, tracking as tracked:
            return build(spec, settings, workspace, tracked, workers)


def build(
    spec: TaskSpec, settings: RunSettings, workspace: Workspace, progress: Progress, workers: Workers
) -> Decision:
    """Take a task to a bundle. The workspace must be claimed."""
    task, policy = plugins.load("tasks", spec.task), plugins.load("policies", settings.policy)
    metric_name, _ = deciding_metric(spec, task)
    check_kinds(spec.candidates.combine)
    check_augmentation(spec.augment, task.OUTPUT)
    guard = Guard(workspace, Clock(spec.budget_seconds, workspace.elapsed()), progress)
    check_target(workspace.bundle)  # and not after the search
    for name in spec.compress.only:
        plugins.load("compressors", name)  # a mistyped name is an error before anything is paid for

    dataset = _read_data(spec, task, workspace, progress)  # read, checked, split, fingerprinted
    _answer_for_baselines(spec, task, dataset, workspace)  # the winner must be better than these
    workspace.write_task(spec)  # until here, a resumed run has not been changed
    pool, full = _find_candidates(spec, task, dataset, settings, workspace, progress)  # excluded ones have a reason
    restart_seconds = guard.clock.elapsed() - guard.clock.spent_before  # a resumed run needs this time again
    sealed = dataset.sealed()  # from here to the decision, nothing has access to the test set
    trained = with_copies(sealed, spec.augment, spec.folder, offline=settings.offline, seed=spec.seed)
    offline = settings.offline and not spec.candidates.hub  # candidates from the Hub permit network access
    store = RunStore(sealed, workload(trained), workspace, offline, spec.seed, spec.options, spec.training)
    store.short_schedules = pool.short_schedules
    store.augmented = trained.train
    store.unlabelled = unlabelled_pairs(spec, task, dataset, offline=settings.offline)
    _use_experience(settings, workspace)  # the prior over candidates
    context = _race_context(spec, task, settings, (dataset, pool, nothing_screened(pool)), store, guard)
    import_training()
    finish_cheapest(context, policy)  # from here on, every search has a winner
    context = replace(
        context,
        screening=_screen_once(sealed, pool, store, guard),  # frozen features, no training
        workers=_sharing(workers, store, spec, task, settings),
        restart_seconds=restart_seconds,
        late_schedules=late_schedules(spec, Scheduler(full, workload(dataset)), store.reschedule),
    )

    openings = workspace.test_openings()  # of decisions before this run was resumed
    finished = None
    while finished is None:  # one pass, unless the winner fails after the race: then the race continues without it
        progress(StageStarted("race", len(context.screening.kept)))
        forget_combinations(workspace, context.pool)  # those of an earlier session or pass are made again
        trials, stopped = race(context, policy)  # partial training runs, bought as long as they are worth their price
        context = replace(context, pool=read_record(Pool, workspace.pool))  # with the schedules made during the race
        store.drop_checkpoints(trials)
        judged, trials = with_combinations(context, trials, store)  # additional candidates, made from finished ones
        progress(StageStarted("decision"))
        decision = _decide(judged, (trials, stopped), settings.policy, metric_name, store, guard)
        if decision is None:
            continue
        decision = replace(decision, test_openings=openings + 1)
        write_text(workspace.decision, with_checksum(decision))  # on disk before the test set is opened
        rule = _loss_rule(spec, task, dataset).answer_rule
        finished = _hand_over(decision, rule, dataset, judged.pool, store, guard)  # test score, bundle

    decision, evaluation = finished
    _report(workspace, decision, dataset, evaluation)
    progress(Decided(decision))
    return decision


def _workers(settings: RunSettings) -> AbstractContextManager[Workers]:
    """What carries out the purchases of the race."""
    options = ExecutorOptions(settings.address, settings.threads or 1)
    return plugins.load("executors", settings.executor).open_workers(options)


def _sharing(workers: Workers, store: RunStore, spec: TaskSpec, task: Task, settings: RunSettings) -> Workers:
    """The workers; those in other processes receive everything that purchases need."""
    if not workers.in_process:
        _, metric = deciding_metric(spec, task)
        rule = _loss_rule(spec, task, store.dataset)
        shared = RemoteTrialContext(store, metric, rule, settings.threads or 1, settings.unsafe_execution)
        workers.share(run_trial_remotely, shared)
    return workers


def _read_data(spec: TaskSpec, task: Task, workspace: Workspace, progress: Progress) -> Dataset:
    """The data of the run; a resumed run must use the same data."""
    progress(StageStarted("data"))
    dataset = load(spec, task, tokenizers=token_counters, progress=progress)
    if workspace.data.exists():
        recorded = read_object(workspace.data).get("fingerprint")
        if recorded != dataset.fingerprint:
            raise InputError(
                f"{workspace.folder}: this run used other data (fingerprint {recorded}, now {dataset.fingerprint}); "
                "restore the data, or start a new run with another --out."
            )
    content = {
        "fingerprint": dataset.fingerprint,
        "instruction": dataset.instruction,
        "labels": dataset.labels,
        "profile": dataset.profile,
        "findings": dataset.findings,
    }
    write_text(workspace.data, with_checksum(content))
    return dataset


def _answer_for_baselines(spec: TaskSpec, task: Task, dataset: Dataset, workspace: Workspace) -> None:
    """Write the answers of the trivial baselines and of the user's incumbent to the validation items."""
    _loss_rule(spec, task, dataset)  # prices that do not fit the task end the run before anything is paid for
    if workspace.baselines.exists():
        return
    sealed = dataset.sealed()
    baselines = trivial_answers(task, sealed)
    if spec.incumbent is not None:
        baselines = with_incumbent(baselines, spec.incumbent, spec, task, sealed)
    workspace.write_baselines(baselines)


def _loss_rule(spec: TaskSpec, task: Task, dataset: Dataset) -> LossRule:
    _, metric = deciding_metric(spec, task)
    return loss_rule(spec.objective, task, dataset.goal, metric, dataset.train.gold)


def _find_candidates(
    spec: TaskSpec, task: Task, dataset: Dataset, settings: RunSettings, workspace: Workspace, progress: Progress
) -> tuple[Pool, Pool]:
    """The pool, and the same with full training schedules only."""
    progress(StageStarted("candidates"))
    pool = full = candidates(spec, task, dataset, settings, machine())
    if "epochs" not in spec.training:  # a large model is raced with as many epochs as fit into the budget
        known = read_record(Pool, workspace.pool).short_schedules if workspace.pool.exists() else {}
        begun = {trial.candidate for trial in workspace.read_trials()}
        pool = with_short_schedules(pool, workload(dataset), spec.budget_seconds, begun=begun, known=known)
    write_text(workspace.pool, with_checksum(pool))
    return pool, full


def _screen_once(dataset: Dataset, pool: Pool, store: RunStore, guard: Guard) -> Screening:
    """The screening of this run; read from its file if it exists."""
    guard.progress(StageStarted("screening", len(pool.candidates)))
    workspace = guard.workspace
    if workspace.screening.exists():
        return read_record(Screening, workspace.screening)
    failed = set(workspace.read_failures()) - {trial.candidate for trial in workspace.read_trials()}
    limit = min(_SCREENING * guard.clock.budget_seconds, 2 * _SCREENING * max(guard.clock.left(), 0.0))
    if not worth_screening(pool, guard.clock.left() - limit):
        screening = nothing_screened(pool, dataset.fingerprint)
        write_text(workspace.screening, with_checksum(screening))
        return screening
    screening = screen(
        dataset,
        replace(pool, candidates=tuple(candidate for candidate in pool.candidates if candidate.name not in failed)),
        features=store.features,
        plan=ScreeningPlan(limit, seed=0),
        progress=guard.progress,
        watch=lambda names: guard.watch("screening", names),
    )
    screening = replace(screening, paces=store.paces)
    write_text(workspace.screening, with_checksum(screening))
    return screening


def _use_experience(settings: RunSettings, workspace: Workspace) -> None:
    """Store the experience with the run, so that a resumed run uses the same prior."""
    if not workspace.experience.exists() and not workspace.trials.exists():
        local = settings.experience == "local"
        write_text(
            workspace.experience, with_checksum(ExperienceStore().experience() if local else recorded_experience())
        )


def _race_context(
    spec: TaskSpec,
    task: Task,
    settings: RunSettings,
    selection_inputs: tuple[Dataset, Pool, Screening],
    store: RunStore,
    guard: Guard,
) -> RaceContext:
    dataset, pool, screening = selection_inputs
    _, metric = deciding_metric(spec, task)
    forget_lost(guard.workspace)  # what was deleted or changed is bought again
    return RaceContext(
        dataset.sealed(),
        pool,
        screening,
        spec,
        machine(),
        metric,
        guard.workspace,
        store.start,
        store.keep,
        guard.clock,
        guard.progress,
        baselines=task.BASELINES if isinstance(task, HasBaselines) else (),
        measure=store.footprint,
        n_test=len(dataset.test),
        rule=_loss_rule(spec, task, dataset),
        task=task,
        repeat=store.repeat,
        start_on_half=store.start_on_half,
        max_disk_bytes=math.inf if settings.max_disk_mb is None else settings.max_disk_mb * 1e6,
    )


def _decide(
    context: RaceContext,
    outcome: tuple[tuple[Trial, ...], str],
    policy: str,
    metric_name: str,
    store: RunStore,
    guard: Guard,
) -> Decision | None:
    """The decision, made again after compression if the task asks for it; ``None``: the race must continue.

    ``outcome``: the trials, and why the race stopped.
    """

    def concluded(*, compressed: bool) -> Decision | None:
        return conclude(
            context, *outcome, policy, compressed=compressed, measure=store.footprint, metric_name=metric_name
        )

    decision = concluded(compressed=False)
    if decision is None or context.spec.compress.max_loss is None:
        return decision
    _compress(decision, context, store, guard)  # compress the winner and the candidates that lost on cost alone ...
    return concluded(compressed=True)  # ... and price them again


def _compress(decision: Decision, context: RaceContext, store: RunStore, guard: Guard) -> None:
    """Compress the winner and the candidates that lost on cost alone, unless the run folder has the result already."""
    limit = context.spec.compress.candidates
    names = second_chances(decision, context.pool, context.metric, limit)
    guard.progress(StageStarted("compression", len(names)))
    done = guard.workspace.read_compressed()
    for name in names:
        record = done.get(name)
        if record is None or not has_compressed(guard.workspace, record):
            guard.workspace.add_compressed(_compressed(name, decision, context, store, guard))


def _compressed(
    name: str,
    decision: Decision,
    context: RaceContext,
    store: RunStore,
    guard: Guard,
) -> CompressedCandidate:
    """One candidate, with the form of the lowest J among those that pass the gate, if any."""
    workspace, dataset, rule = guard.workspace, context.dataset, context.rule
    candidate = next(candidate for candidate in context.pool.candidates if candidate.name == name)
    standing = next(standing for standing in decision.candidates if standing.candidate == name)
    original = SavedModel(store.model_folder(name), candidate.model.family, "native")

    def answer(model: Model, items: Sequence[Text]) -> Answers:
        answers = model.predict(items)
        return answers if rule is None else rule.answers(answers)

    texts = (*dataset.train.texts, *(text for text, _ in store.unlabelled))
    comparison = Comparison(
        dataset.validation,
        dataset.goal,
        context.metric,
        context.spec.compress.max_loss or 0.0,
        answer(original.load(), dataset.validation.texts),
        lambda family, engine, folder, items: footprint_of(family, folder, items[:FOOTPRINT_TEXTS], engine=engine),
        answer,
        seed=context.spec.seed,
        price=pricing(context, candidate, standing.seconds),
    )
    at_hand = on_this_machine(other.model for other in context.pool.candidates)
    started = guard.clock.elapsed()
    with workspace.scratch() as scratch:
        record, taken = compressed_form(
            original,
            comparison,
            Calibration(texts, SeededDistil(context.spec.seed), at_hand),
            scratch,
            SearchPlan("J", context.spec.compress.only),
            provenance=Provenance(decision.metric, "the validation part"),
            progress=lambda trial: guard.progress(CompressionTried(name, trial)),
        )
        predictions = ""
        if taken is not None:
            predictions = workspace.keep_compressed(name, taken.folder, taken.load().predict(dataset.validation.texts))
    made = CompressedCandidate(name, record, guard.clock.elapsed() - started, predictions)
    return with_digests(workspace, made) if predictions else made


def _hand_over(
    decision: Decision, rule: AnswerRule, dataset: Dataset, pool: Pool, store: RunStore, guard: Guard
) -> tuple[Decision, Evaluation] | None:
    """Score the winner on the test set and write its bundle; ``None`` if the winner failed and is excluded."""
    workspace, progress = guard.workspace, guard.progress
    task: Task = plugins.load("tasks", decision.task)
    rule = replace(rule, review_below=decision.winner.review_below)
    winner = next(candidate for candidate in pool.candidates if candidate.name == decision.winner.candidate)
    with guard.watch("test", [winner.name], only=(EndpointError,)) as failed:
        progress(StageStarted("test"))
        record = decision.compression.get(winner.name) if decision.winner.compressed else None
        model = store.restore(winner, record.taken if record else None)
        evaluation = evaluate(
            by_rule(model.predict(dataset.test.texts), rule),
            dataset.test,
            dataset.goal,
            (decision.metric, *task.METRICS),
            source=("test", dataset.fingerprint),
            analysis=ErrorAnalysis(
                language_of,
                task.READS,
                model.token_likelihoods if isinstance(model, SupportsTokenLikelihoods) else None,
            ),
            seed=decision.seed,
        )
        decision = replace(
            decision,
            test_score=evaluation.score,
            test_scores=evaluation.scores,
            conditions=evaluation.conditions,
        )
        write_text(workspace.decision, with_checksum(decision))
        progress(StageStarted("bundle"))
        form = CompressedForm(workspace.compressed_model(winner.name), record) if record else None
        write(model, Winner(winner, decision, rule, form), dataset, workspace.bundle, mask=mask)
    return None if failed else (decision, evaluation)


def _report(workspace: Workspace, decision: Decision, dataset: Dataset, evaluation: Evaluation) -> Path:
    """Write ``report.html`` and the evaluation on which it is based."""
    write_text(workspace.evaluation, to_stored(evaluation))
    return write_report(workspace.report, _records(workspace, decision, dataset.profile, dataset.findings, evaluation))


def rewrite_report(folder: Path) -> Path:
    """Rewrite the report of a finished run from its records.

    Raises:
        MissingError: the run is not finished.
        IntegrityError: the inputs of its decision have changed.
    """
    workspace = Workspace(folder)
    decision = read_record(Decision, workspace.decision)
    check_inputs(workspace, decision)
    data = read_object(workspace.data)
    profile = from_json(DataProfile, json.dumps(data.get("profile")), where=workspace.data)
    findings = from_json(tuple[Finding, ...], json.dumps(data.get("findings")), where=workspace.data)
    evaluation = read_stored(workspace.evaluation)
    return write_report(workspace.report, _records(workspace, decision, profile, findings, evaluation))


def _records(
    workspace: Workspace,
    decision: Decision,
    profile: DataProfile,
    findings: tuple[Finding, ...],
    evaluation: Evaluation,
) -> ReportRecords:
    lines = read_text(workspace.task).splitlines(keepends=True)
    return ReportRecords(
        decision=decision,
        profile=profile,
        findings=findings,
        screening=read_record(Screening, workspace.screening),
        trials=tuple(workspace.read_trials()),
        pool=read_record(Pool, workspace.pool),
        evaluation=evaluation,
        task_yaml="".join(line for line in lines if not line.startswith("folder:")),  # paths stay on this machine
    )


def check(task: TaskSpec | Path | str, progress: Progress = silent) -> Dataset:
    """Read, check and split the data of a task without training. The findings are in the result.

    Raises:
        GoldilocksError: the data are unusable, or the metric cannot decide; the message says what to do.
    """
    spec = task if isinstance(task, TaskSpec) else read_task(task)
    plugin = plugins.load("tasks", spec.task)
    deciding_metric(spec, plugin)
    dataset = load(spec, plugin, tokenizers=token_counters, progress=progress)
    _loss_rule(spec, plugin, dataset)
    return dataset
