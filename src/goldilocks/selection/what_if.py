"""Decide again from the records of a run: other prices, other limits, another cost of an error. Nothing is run.

Needed are the stored validation answers, the measured footprints and the gold answers of the validation items. Runs of
earlier versions did not store the last; then they are read from the data of the task. The test part stays closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from goldilocks import plugins
from goldilocks.errors import InputError, MissingError
from goldilocks.evaluation.error_cost import loss_rule
from goldilocks.evaluation.trivial_baselines import trivial_answers
from goldilocks.protocols import Task
from goldilocks.records import (
    Dataset,
    Decision,
    Footprint,
    Limits,
    Pool,
    Prices,
    Screening,
    TaskSpec,
)
from goldilocks.selection.conclude import decision_from
from goldilocks.selection.digests import check_inputs
from goldilocks.selection.incumbent import with_incumbent
from goldilocks.selection.run_records import RunRecords
from goldilocks.selection.workspace import Workspace
from goldilocks.settings import check_money, refuse_two_prices
from goldilocks.support.files import read_record
from goldilocks.support.suggest import suggest


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be different, by the keys of the task file."""

    objective: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)
    prices: Mapping[str, Any] = field(default_factory=dict)
    serving: Mapping[str, Any] = field(default_factory=dict)
    incumbent: str | None = None
    """Predictions file or bundle that answers today; relative to the working directory."""


def changed(spec: TaskSpec, changes: Changes) -> TaskSpec:
    """The task with other numbers.

    Raises:
        InputError: there is no such limit or price (the nearest is named), or a value is out of its range.
    """
    _known("limit", changes.limits, Limits, leave_out=("licenses",))
    _known("price", changes.prices, Prices)
    refuse_two_prices(changes.prices)
    spec = replace(
        spec,
        objective=replace(spec.objective, **changes.objective),
        limits=replace(spec.limits, **changes.limits),
        prices=replace(spec.prices, **changes.prices),
        serving=replace(spec.serving, **changes.serving),
        assumed=tuple(key for key in spec.assumed if key not in _stated(changes)),
    )
    check_money(spec)
    return spec


def _stated(changes: Changes) -> set[str]:
    """Keys that the changes give a value."""
    stated = {f"objective.{key}" for key in changes.objective} | {f"prices.{key}" for key in changes.prices}
    return stated | ({"prices.memory_gb_month", "prices.storage_gb_month"} if "prices.gb_month" in stated else set())


def _known(what: str, given: Mapping[str, Any], record: type, leave_out: tuple[str, ...] = ()) -> None:
    names = [field.name for field in fields(record) if field.name not in leave_out]
    unknown = next((name for name in given if name not in names), None)
    if unknown is not None:
        raise InputError(f"--{what} {unknown}: unknown.{suggest(unknown, names)} There are: {', '.join(names)}.")


def decide_again(folder: Path, changes: Changes) -> Decision:
    """The decision that the records of a finished run lead to under other numbers.

    Args:
        folder: The run; nothing in it is changed.
        changes: What is to be different; nothing: the same numbers under the rule of this version.

    Returns:
        A decision without test scores.

    Raises:
        MissingError: the folder holds no finished run.
        InputError: a number is out of its range, or the data of an earlier version's run have changed.
        IntegrityError: a record or stored answers are damaged, or were changed since the run decided.
        LimitError: no candidate meets the limits.
    """
    workspace = Workspace(folder)
    if not workspace.decision.exists():
        raise MissingError(f"{folder}: holds no decision; pass the folder of a finished `goldilocks select`.")
    earlier = read_record(Decision, workspace.decision)
    check_inputs(workspace, earlier)
    spec = changed(workspace.read_task(), changes)
    task: Task = plugins.load("tasks", spec.task)
    metric = plugins.load("metrics", earlier.metric)
    stored, baselines = workspace.read_validation(), workspace.read_baselines()
    if stored is None or changes.incumbent is not None:
        dataset = _data(workspace, spec, task, earlier)
        stored = dataset.goal, tuple(dataset.validation.gold)
        baselines = baselines or trivial_answers(task, dataset)
        if changes.incumbent is not None:
            baselines = with_incumbent(baselines, changes.incumbent, replace(spec, folder=Path()), task, dataset)
    goal, gold = stored
    records = RunRecords(
        workspace=workspace,
        spec=spec,
        pool=read_record(Pool, workspace.pool),
        screening=read_record(Screening, workspace.screening),
        trials=workspace.read_trials(),
        machine=earlier.machine,
        gold=gold,
        goal=goal,
        metric=metric,
        metric_name=earlier.metric,
        data_fingerprint=earlier.data_fingerprint,
        rule=loss_rule(spec.objective, task, goal, metric, gold),
        task=task,
        baselines=baselines,
        compressed=workspace.read_compressed() if earlier.compression else {},
    )
    return decision_from(records, _footprints(earlier), earlier.search)


def _footprints(earlier: Decision) -> dict[str, Footprint]:
    return {
        standing.candidate: standing.footprint
        for standing in earlier.candidates
        if standing.footprint is not None and not standing.dropped
    }


def _data(workspace: Workspace, spec: TaskSpec, task: Task, earlier: Decision) -> Dataset:
    """The data of the run, read again; the test part is not used."""
    from goldilocks.data.load import load

    dataset = load(spec, task)
    if dataset.fingerprint != earlier.data_fingerprint:
        raise InputError(
            f"{workspace.folder}: this run used other data (fingerprint {earlier.data_fingerprint}, now "
            f"{dataset.fingerprint}), and what is asked for needs them; restore the data that it was run on."
        )
    return dataset.sealed()
