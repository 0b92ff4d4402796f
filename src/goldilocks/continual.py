"""Continual learning: a bundle is trained further on new data and keeps what it knew (``tune --continue-from``).

The new data may bring labels that the bundle does not know; labels that are missing from it stay. A strategy
(``strategies/``) works against forgetting. Where the old data are available, what was forgotten is measured: the bundle
before and after, on the same rows, of the new data and of the old.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldilocks import plugins
from goldilocks.answers import Answers, by_rule
from goldilocks.bundle.layout import CONTINUAL, BundleInfo
from goldilocks.bundle.read import Bundle, load
from goldilocks.bundle.write import Tuned, write_tuned
from goldilocks.data import load as data
from goldilocks.data.alike import label_key
from goldilocks.data.mask import mask
from goldilocks.data.read import read
from goldilocks.errors import InputError
from goldilocks.evaluation.error_cost import loss_rule
from goldilocks.evaluation.forgetting import DomainAnswers, forgetting_of
from goldilocks.events import Progress, StageStarted, silent
from goldilocks.fine_tune import refuse_used
from goldilocks.protocols import AddsDomain, Metric, Model, Strategy, Task
from goldilocks.records import (
    Answer,
    AnswerRule,
    Candidate,
    ContinualReport,
    Dataset,
    Forgetting,
    Measured,
    Part,
    TaskSpec,
    Text,
    TrainingConfig,
)
from goldilocks.selection.augmentation import check_augmentation, with_copies
from goldilocks.selection.continual_data import (
    ContinualDomain,
    known_data,
    old_domain,
    old_rows,
    training_data,
    with_short_names,
)
from goldilocks.selection.deciding_metric import deciding_metric
from goldilocks.selection.domain_parts import DOMAINS, DomainParts, frozen_folder, frozen_network, with_new_part
from goldilocks.selection.tracking import Tracking
from goldilocks.selection.tune_single import TuningPlan, tune_candidate
from goldilocks.selection.unlabelled_rows import unlabelled_pairs
from goldilocks.settings import RunSettings
from goldilocks.support.files import to_json
from goldilocks.support.machine.hardware import set_threads
from goldilocks.support.options import options_from
from goldilocks.support.sandbox.sandbox import allow_unsafe_execution

if TYPE_CHECKING:
    from goldilocks.tuning.continuation import Continuation

NO_STRATEGY = "none"
WITH_OLD_DATA = "replay"
"""The strategy where old data are given and no strategy is named."""
_ANY_CONFIG = TrainingConfig(epochs=1, learning_rate=0, head_learning_rate=0)


@dataclass(frozen=True, slots=True)
class ContinueFrom:
    """What is trained further, and how it is kept from forgetting."""

    bundle: Path
    """Its folder."""
    old_data: tuple[str, ...] = ()
    """What it was tuned on before: data files, task files or folders of runs."""
    strategy: str | None = None
    """File name in strategies/, or ``none``; ``None``: ``replay`` where there are old data, else ``none``."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the strategy."""
    method: str | None = None
    """File name in methods/; ``None``: that of the bundle, or all weights where it cannot train further."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Source of data -> what it is called; without one a file or folder has its own name."""


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The strategy that was asked for; without a name there is none."""

    name: str = ""
    plugin: Strategy | None = None
    options: Any = None


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of an update."""

    dataset: Dataset
    """The new data, with what is replayed of the old after its training rows."""
    replayed: int
    """Number of these rows."""
    name: str
    """What the new data are called as a domain."""
    new_labels: tuple[str, ...]
    domains: Sequence[ContinualDomain]
    """The data sets to measure on, the new one last."""
    old: Part
    """Training rows of the old data."""
    known: tuple[str, ...]
    """Fingerprints of what the bundle was tuned on."""


def continue_tuning(
    spec: TaskSpec,
    start: ContinueFrom,
    settings: RunSettings,
    overrides: Mapping[str, Any],
    progress: Progress = silent,
) -> ContinualReport:
    """Train a bundle further on new data and write the result as a bundle to ``settings.out``.

    Test parts are scored once the model is final. The report is a file of the bundle too (``continual.json``).

    Args:
        spec: The task, with the new data.
        start: The bundle, and how it is kept from forgetting.
        settings: Where to write.
        overrides: Fields of ``records.TrainingConfig`` that replace the family's own.
        progress: Called as work goes on.

    Returns:
        Scores before and after the update, their average and what was forgotten, of validation and test parts.

    Raises:
        MissingError: there is no such bundle, strategy, method or data.
        InputError: the bundle cannot be trained further, the data are of another task, or an option does not fit.
    """
    set_threads(settings.threads)
    allow_unsafe_execution(settings.unsafe_execution)
    refuse_used(settings.out)
    strategy, bundle = _strategy(start), load(start.bundle)
    _check_bundle(bundle, spec.task, strategy)
    candidate = _candidate(bundle, start.method, strategy)
    task = plugins.load("tasks", spec.task)
    metric_name, metric = deciding_metric(spec, task)
    check_augmentation(spec.augment, task.OUTPUT)

    progress(StageStarted("data"))
    spec = _read_like(spec, bundle.info)
    rows = _rows(spec, start, bundle, strategy, progress)

    progress(StageStarted("tuning"))
    continuation = _continuation(bundle, strategy, rows.old)
    plan = _plan(spec, task, metric, rows.dataset, continuation, offline=settings.offline)
    sealed = with_copies(rows.dataset.sealed(), spec.augment, spec.folder, offline=settings.offline, seed=spec.seed)
    tracking = settings.out.with_name(f"{settings.out.name}.tracking")
    with Tracking(spec, tracking, progress, offline=settings.offline) as tracked:
        model, score = tune_candidate(candidate, sealed, metric, overrides, plan=plan, progress=tracked)
        tracked.log_score(candidate.name, score.value)
    new_part = (rows.name, rows.dataset)
    parts = with_new_part(bundle, model, new_part, rows.known, rows.old, (strategy.plugin, strategy.options))
    model = parts.model if parts else model

    progress(StageStarted("comparison"))
    after = (model, plan.answer_rule)
    report = _report(candidate.name, (metric_name, metric), strategy, rows, bundle, after, parts)
    progress(StageStarted("bundle"))
    tuned = _tuned(candidate, spec.task, score, plan.rule, report, family=DOMAINS if parts else "")
    write_tuned(model, tuned, rows.dataset, settings.out, mask=mask)
    return report


def _plan(
    spec: TaskSpec, task: Task, metric: Metric, dataset: Dataset, continuation: Continuation, *, offline: bool
) -> TuningPlan:
    return TuningPlan(
        spec.seed,
        offline,
        spec.options,
        spec.training,
        unlabelled_pairs(spec, task, dataset, offline=offline),
        rule=loss_rule(spec.objective, task, dataset.goal, metric, dataset.train.gold).answer_rule,
        continuation=continuation,
    )


def _report(
    candidate: str,
    deciding: tuple[str, Metric],
    strategy: _Chosen,
    rows: _Rows,
    bundle: Bundle,
    after: tuple[Model, AnswerRule],
    parts: DomainParts | None,
) -> ContinualReport:
    """Scores of the old and the new model on the validation and test parts of every domain."""
    metric_name, metric = deciding
    validation, test = (_measured(part, metric, rows.domains, bundle, after, parts) for part in ("validation", "test"))
    return ContinualReport(
        candidate=candidate,
        metric=metric_name,
        continued_from=bundle.info.data_fingerprint,
        data_fingerprints=(*rows.known, rows.dataset.fingerprint),
        strategy=strategy.name,
        options=asdict(strategy.options) if strategy.plugin else {},
        new_rows=len(rows.dataset.train) - rows.replayed,
        replayed_rows=rows.replayed,
        new_labels=rows.new_labels,
        validation=validation,
        test=test,
        domain=parts.new if parts else "",
        routed=_measured("test", metric, rows.domains, bundle, after, None) if parts else None,
    )


# -------------------------------------------------------------------------------------------------- what is asked for


def _strategy(start: ContinueFrom) -> _Chosen:
    """The strategy and its options.

    Raises:
        MissingError: there is no such strategy.
        InputError: it needs old data, or an option does not fit.
    """
    name = start.strategy or (WITH_OLD_DATA if start.old_data else NO_STRATEGY)
    if name == NO_STRATEGY:
        if start.options:
            raise InputError(
                f"the option {next(iter(start.options))} belongs to a strategy, and there is none; name one."
            )
        return _Chosen()
    plugin = plugins.load("strategies", name)
    if plugin.NEEDS_OLD_ROWS and not start.old_data:
        raise InputError(f"the strategy {name} needs rows that the bundle was tuned on; pass them with --old-data.")
    options = options_from(plugin.Options, start.options, source=f"strategy {name}")
    plugin.check(options)
    return _Chosen(name, plugin, options)


def _check_bundle(bundle: Bundle, task: str, strategy: _Chosen) -> None:
    """Check that a bundle is for the task, and that its model is one that can be trained further.

    Raises:
        InputError: it is not.
    """
    from goldilocks.nets.network import Network
    from goldilocks.tuning.continuation import untrainable

    info, folder = bundle.info, bundle.folder
    if info.task != task:
        raise InputError(f"{folder}: is a bundle for {info.task}, the data are for {task}; pass --task {info.task}.")
    if info.compression is not None or info.engine != "native":
        raise InputError(
            f"{folder}: was compressed; continue from the bundle that it was made from, and compress the result."
        )
    network = frozen_network(bundle)
    if network is not bundle.model and not isinstance(strategy.plugin, AddsDomain):
        raise InputError(f"{folder}: has a part for each domain; add one with --strategy domain_adapters.")
    reason = untrainable(network) if isinstance(network, Network) else _not_trained(info)
    if reason is None and plugins.load("methods", info.method).training_config(_ANY_CONFIG) is None:
        reason = f"was made by {info.method}, which trains no weights; tune {info.model} on the rows instead"
    if reason is not None:
        raise InputError(f"{folder}: {reason}.")


def _not_trained(info: BundleInfo) -> str:
    return f"{info.family} is not trained by gradient descent; tune it on the old and the new rows together"


def _candidate(bundle: Bundle, asked: str | None, strategy: _Chosen) -> Candidate:
    """The model of the bundle with the method that trains it further.

    Raises:
        MissingError: there is no such method.
        InputError: the method that was asked for cannot do it.
    """
    from goldilocks.tuning.continuation import unusable_method

    facts = bundle.info.facts
    adds = isinstance(strategy.plugin, AddsDomain)
    name = asked or (strategy.plugin.METHOD if isinstance(strategy.plugin, AddsDomain) else bundle.info.method)
    method = plugins.load("methods", name)
    reason = method.incompatibility(facts) or unusable_method(method, strategy.plugin)
    if reason is None and method.training_config(_ANY_CONFIG) is None:
        reason = "trains no weights"
    if reason is not None and asked is not None:
        raise InputError(f"the method {name} cannot train this bundle further ({reason}); choose another, e.g. full.")
    if reason is not None and adds:
        raise InputError(
            f"the strategy {strategy.name} trains adapters, which this bundle cannot take ({reason}); name another "
            "strategy, such as replay, or another --method."
        )
    if reason is not None:
        name = "full" if facts.pretrained else "scratch"
    return Candidate(facts, name)


def _continuation(bundle: Bundle, strategy: _Chosen, old: Part) -> Continuation:
    from goldilocks.tuning.continuation import Continuation

    return Continuation(frozen_folder(bundle), bundle.info.method, strategy.name, strategy.options, old)


# ---------------------------------------------------------------------------------------------------------------- data


def _read_like(spec: TaskSpec, info: BundleInfo) -> TaskSpec:
    """The task with the columns of the bundle's training data in place of those that are not named.

    Where the data do not have these they are read under the names of the roles.
    """
    sentences = info.sentences if spec.data.sentences == 1 else spec.data.sentences
    spec = replace(spec, data=replace(spec.data, sentences=sentences))
    columns = {**info.columns, **spec.data.fields}
    if columns == spec.data.fields:
        return spec
    task = plugins.load("tasks", spec.task)
    for fields in (columns, spec.data.fields):
        try:
            read(spec.data.train, fields, task, spec.folder, sentences=sentences)
        except InputError:
            continue
        return replace(spec, data=replace(spec.data, fields=dict(fields)))
    return replace(spec, data=replace(spec.data, fields=columns))  # the error names those: the user knows them


def _rows(spec: TaskSpec, start: ContinueFrom, bundle: Bundle, strategy: _Chosen, progress: Progress) -> _Rows:
    """Read the new data and the old, and choose what is replayed.

    Raises:
        MissingError: data are not there.
        InputError: they are of another task, or nothing new is left to train on.
    """
    new = data.load(spec, plugins.load("tasks", spec.task), progress=progress)
    new_labels = _new_labels(new, bundle)
    known = known_data(bundle)
    domains = [
        old_domain((source, start.names.get(source)), spec, bundle, known, progress) for source in start.old_data
    ]
    name = start.names.get(spec.data.train, spec.data.train)
    domains = with_short_names([*domains, ContinualDomain(name, new, old=False, unseen=True)], start.names.values())
    old = old_rows(domains, spec.seed)
    labels = (*bundle.info.labels, *new_labels)
    dataset, replayed = training_data(domains, old, labels, strategy.plugin, strategy.options)
    name = name if spec.data.train in start.names else Path(name).name.split(".")[0]
    return _Rows(dataset, replayed, name, new_labels, domains, old, known)


def _new_labels(new: Dataset, bundle: Bundle) -> tuple[str, ...]:
    """Labels of the new data that the bundle does not know, sorted.

    Raises:
        InputError: one is written nearly like a label of the bundle.
    """
    known = {label_key(label): label for label in bundle.info.labels}
    unknown = tuple(sorted(set(new.labels) - set(bundle.info.labels)))
    for label in unknown:
        if label_key(label) in known:
            raise InputError(
                f"the new data have the label {label!r}, the bundle has {known[label_key(label)]!r}; "
                "write them alike, or name them further apart."
            )
    return unknown


# ------------------------------------------------------------------------------------------------------- what came out


def _measured(
    part: str,
    metric: Metric,
    domains: Sequence[ContinualDomain],
    bundle: Bundle,
    after: tuple[Model, AnswerRule],
    parts: DomainParts | None,
) -> Forgetting:
    """Scores of one part of all data sets; each is stated as a domain where there are ``parts``."""
    model, rule = after
    rows = [(domain, getattr(domain.dataset, part)) for domain in domains]
    return forgetting_of(
        metric,
        part,
        [
            DomainAnswers(
                domain.name,
                domain.old,
                held_out.gold,
                _answers_before(bundle, held_out.texts, domain, parts),
                by_rule(_predicted(model, held_out.texts, domain, parts), rule).values,
                domain.unseen,
                domain.dataset.labels if domain.old else (),
            )
            for domain, held_out in rows
        ],
    )


def _answers_before(
    bundle: Bundle, texts: Sequence[Text], domain: ContinualDomain, parts: DomainParts | None
) -> tuple[Answer, ...]:
    stated = parts.names_before.get(domain.dataset.fingerprint) if parts else None
    return bundle.answers(texts, domains=[stated] * len(texts) if stated else None).values


def _predicted(model: Model, texts: Sequence[Text], domain: ContinualDomain, parts: DomainParts | None) -> Answers:
    if parts is None:
        return model.predict(texts)
    stated = parts.names.get(domain.dataset.fingerprint)
    return parts.model.predict(texts, domains=[stated] * len(texts))


def _tuned(
    candidate: Candidate, task: str, score: Measured, rule: AnswerRule | None, report: ContinualReport, *, family: str
) -> Tuned:
    """What the new bundle says of its model, the report included; ``family``: as ``Tuned.family``."""
    return Tuned(
        candidate,
        task,
        report.metric,
        score,
        rule=rule,
        decision=_sentence(report),
        test={report.metric: report.test.domains[-1].after},
        records={CONTINUAL: to_json(report)},
        family=family,
    )


def _sentence(report: ContinualReport) -> str:
    """Where the model is from, for the bundle and its model card."""
    strategy = f"with the strategy {report.strategy}" if report.strategy else "without a strategy against forgetting"
    words = f"Trained further from the bundle of the data {report.continued_from}, {strategy}."
    lost = report.test.forgetting
    if lost is None:
        return f"{words} What it forgot was not measured."
    return (
        f"{words} On the old test rows it lost {lost.value:.4f} ({lost.low:.4f} to {lost.high:.4f}); the average over "
        f"{len(report.test.domains)} data sets is {report.test.average.value:.4f}."
    )
