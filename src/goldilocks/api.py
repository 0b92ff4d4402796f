"""The Python API: ``select``, ``check``, ``tune``, ``evaluate`` on files, frames, rows and task files.

Each function turns its input into a ``TaskSpec`` and calls ``flow`` or ``judge``. Rows held in memory are first
written to the run folder, so that the run can be resumed, decided again and reported like any other.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldilocks import continual, fine_tune, flow, judge, plugins
from goldilocks.errors import GoldilocksError, InputError
from goldilocks.events import Progress
from goldilocks.records import ContinualReport, Dataset, Decision, Evaluation, Measured, TaskSpec
from goldilocks.selection.workspace import Workspace
from goldilocks.settings import RunSettings, check_seed, is_yaml, read_task, seconds_in, task_from
from goldilocks.support.frames import errors_in_words, in_words, is_frame, is_rows, write_rows

if TYPE_CHECKING:
    from goldilocks.bundle.read import Bundle

Columns = str | Mapping[str, str]
"""A column; for tasks with several texts, role -> column."""


def select(
    data: Any,
    settings: RunSettings | None = None,
    *,
    text: Columns | None = None,
    target: Columns | None = None,
    task: str | None = None,
    budget: str | float | None = None,
    out: Path | str | None = None,
    seed: int | None = None,
    progress: Progress | None = None,
) -> Decision:
    """Choose, tune and write the model that is just right for a task.

    Args:
        data: A task file (``.yaml``), a ``TaskSpec``, a data file or folder, a frame (pandas, Polars, Arrow,
            ``datasets.Dataset``) or a list of dicts.
        settings: Where to write, whether to resume, whether the Hub may be contacted.
        text: The text column, if its name is not ``text``; for tasks with several texts, role -> column.
        target: The column with the gold answer, if it does not have the task's own name for it (``label``).
        task: File name in ``tasks/``; ``text_classification`` by default, if ``data`` is not a task file.
        budget: Wall-clock time of the search: seconds, or ``"90s"``, ``"20m"``, ``"1h"``.
        out: Folder of the run; overrides ``settings.out``.
        seed: Seed of the split and of training.
        progress: Called with each progress event. Without it, progress is displayed in terminals and notebooks.

    Returns:
        The decision, as in ``decision.json``. The bundle is in ``out / "bundle"``, the report in ``out``.

    Raises:
        GoldilocksError: see ``errors.py`` for its subclasses and what to do about each.

    Example::

        decision = goldilocks.select(frame, text="body", target="topic", budget="5m", out="run")
    """
    settings = _with_out(settings, out)
    workspace = Workspace(Path(settings.out))
    with errors_in_words(data, settings.out), workspace.removed_if_not_started():
        workspace.check_free(resume=settings.resume)
        spec = task_spec(data, folder=settings.out, text=text, target=target, task=task, budget=budget, seed=seed)
        if progress is not None:
            return flow.select(spec, settings, progress)
        from goldilocks.progress import Live

        with Live(spec.budget_seconds) as live:
            return flow.select(spec, settings, live)


def check(data: Any, *, text: Columns | None = None, target: Columns | None = None, task: str | None = None) -> Dataset:
    """Read, check and split the data without training. The findings are in the result.

    Args:
        data: As for ``select``.
        text: As for ``select``.
        target: As for ``select``.
        task: As for ``select``.

    Returns:
        The training, validation and test set, the profile and the findings; nothing is written.

    Raises:
        GoldilocksError: the data cannot be used in their present form; the message says what to do.
    """
    # The folder is empty unless the rows are held in memory.
    with tempfile.TemporaryDirectory() as scratch, errors_in_words(data, Path(scratch)):
        dataset = flow.check(task_spec(data, folder=Path(scratch), text=text, target=target, task=task))
        findings = (
            replace(finding, message=in_words(data, finding.message, Path(scratch))) for finding in dataset.findings
        )
        return replace(dataset, findings=tuple(findings))


def tune(
    data: Any,
    candidate: str,
    settings: RunSettings | None = None,
    *,
    text: Columns | None = None,
    target: Columns | None = None,
    task: str | None = None,
    out: Path | str | None = None,
    seed: int | None = None,
    config: Mapping[str, Any] | None = None,
) -> Measured:
    """Tune one candidate and write it as a bundle to ``out``.

    Args:
        data: As for ``select``.
        candidate: ``family/model/method``, e.g. ``encoder/all-MiniLM-L6-v2/full``.
        settings: Where to write, whether the Hub may be contacted.
        text: As for ``select``.
        target: As for ``select``.
        task: As for ``select``.
        out: Folder of the bundle; overrides ``settings.out``.
        seed: Seed of the split and of training.
        config: Fields of ``records.TrainingConfig`` that override the defaults of the family.

    Returns:
        The validation score by the task's deciding metric, with its 95% interval.

    Raises:
        MissingError: no candidate of that name fits the task; the message names the closest one.
        InputError: the folder is not empty, or the data cannot be used.
    """
    settings = _with_out(settings, out)
    with tempfile.TemporaryDirectory() as scratch, errors_in_words(data, Path(scratch)):
        spec = task_spec(data, folder=Path(scratch), text=text, target=target, task=task, seed=seed)
        return fine_tune.tune_one(spec, candidate, settings, config or {})


def continue_tuning(
    bundle: Bundle | Path | str,
    data: Any,
    settings: RunSettings | None = None,
    *,
    name: str | None = None,
    old_data: Sequence[Any] | Mapping[str, Any] = (),
    strategy: str | None = None,
    options: Mapping[str, Any] | None = None,
    method: str | None = None,
    text: Columns | None = None,
    target: Columns | None = None,
    out: Path | str | None = None,
    seed: int | None = None,
    config: Mapping[str, Any] | None = None,
) -> ContinualReport:
    """Train a bundle further on new data while limiting forgetting, and write the result as a bundle to ``out``.

    Args:
        bundle: A bundle, or its folder; it is not modified.
        data: New data, as for ``select``.
        settings: Where to write.
        name: Name of the new data in the report and as a domain; by default, the name of the file, or "new data".
        old_data: The data on which the bundle was tuned, as for ``select``, or run folders: one, a list, or a dict from
            name to data. Rows in memory without a name are called "old data 1" and so on. Forgetting is measured on
            these data.
        strategy: File name in strategies/, or ``"none"``; by default, ``replay`` if there are old data.
        options: Options of the strategy.
        method: File name in methods/; by default, the method of the bundle.
        text: As for ``select``; by default, the column on which the bundle was trained, or the role's own name.
        target: As for ``text``.
        out: Folder of the new bundle; overrides ``settings.out``.
        seed: Seed of the split and of training; with the seed of the bundle, old data are split as they were for it.
        config: Fields of ``records.TrainingConfig`` that override the defaults of the family.

    Returns:
        Scores before and after the update, their average, and the forgetting, with intervals.

    Raises:
        MissingError: the bundle, the strategy or the method does not exist.
        InputError: the bundle cannot be trained further, or the data cannot be used.

    Example::

        report = goldilocks.continue_tuning("run/bundle", may, name="may", old_data={"april": april}, out="updated")
        print(report.test.average.value, report.test.forgetting.value)
    """
    from goldilocks.bundle.read import read_info

    settings = _with_out(settings, out)
    folder = Path(bundle if isinstance(bundle, str | Path) else bundle.folder)
    kind = None if _is_task(data) else read_info(folder).task
    with tempfile.TemporaryDirectory() as scratch, errors_in_words(data, Path(scratch)):
        spec = task_spec(data, folder=Path(scratch), text=text, target=target, task=kind, seed=seed)
        files = _old_sources(old_data, Path(scratch))
        if name is None and (is_frame(data) or is_rows(data)):
            name = "new data"
        with _errors_named(files):
            named = {file: called for called, file in files.items() if called != file}
            named |= {spec.data.train: name} if name is not None else {}
            start = continual.ContinueFrom(folder, tuple(files.values()), strategy, options or {}, method, named)
            return continual.continue_tuning(spec, start, settings, config or {})


def _old_sources(data: Any, folder: Path) -> dict[str, str]:
    """Name -> file or run of old data; rows held in memory are written below ``folder``."""
    return {
        name: _old_source(source, name, folder / f"old{number}")
        for number, (name, source) in enumerate(_called(data).items())
    }


def _called(data: Any) -> dict[str, Any]:
    """Name -> old data; files and folders have their own name."""
    if isinstance(data, Mapping):
        return dict(data)
    several = [data] if isinstance(data, str | Path) or is_frame(data) or is_rows(data) else list(data)
    number = len(several) > 1
    return {
        str(source) if isinstance(source, str | Path) else f"old data {place}" if number else "old data": source
        for place, source in enumerate(several, start=1)
    }


def _old_source(data: Any, called: str, folder: Path) -> str:
    """The file, or run, of old data; rows held in memory are written to ``folder``."""
    if isinstance(data, str | Path):
        return str(data)
    if is_frame(data) or is_rows(data):
        file = write_rows(data, folder)
        return str(file.rename(file.with_stem(re.sub(r"[^\w -]", "_", called) or "old")))
    raise InputError(
        f"old_data has a {type(data).__name__}; pass data files, task files, runs, frames or lists of dicts."
    )


@contextmanager
def _errors_named(files: Mapping[str, str]) -> Iterator[None]:
    """Errors about old data name them as the user does, not a temporary file."""
    try:
        yield
    except GoldilocksError as error:
        for called, file in files.items():
            if called != file:
                names = (file, Path(file).name)
                error.args = tuple(_renamed(arg, names, called) if isinstance(arg, str) else arg for arg in error.args)
        raise


def _renamed(text: str, names: Sequence[str], called: str) -> str:
    for name in names:
        text = text.replace(name, called)
    return text


def evaluate(
    bundle: Bundle | Path | str,
    data: Any,
    *,
    text: Columns | None = None,
    target: Columns | None = None,
    domain: str | None = None,
) -> Evaluation:
    """Score a bundle on labelled rows: every metric of its task with intervals, classes, slices, errors.

    Args:
        bundle: A bundle, or its folder.
        data: A data file or folder, a frame or a list of dicts.
        text: The text column; by default, the column on which the bundle was trained, or the role's own name.
        target: The column with the gold answer, with the same default.
        domain: Domain of all rows, for a bundle with a part for each domain; ``None``: the model routes each row.

    Returns:
        Scores with 95% intervals (``.scores``), confusion matrix, slices, calibration and errors; see also
        ``.to_frame()`` and ``.plot()``.

    Raises:
        GoldilocksError: the bundle or the rows cannot be used; the message says what to do.

    Example::

        goldilocks.evaluate("run/bundle", "fresh.csv").score
    """
    from goldilocks.bundle.read import read_info

    folder = bundle if isinstance(bundle, str | Path) else bundle.folder
    folder = Path(folder)
    task = read_info(folder).task
    with tempfile.TemporaryDirectory() as scratch, errors_in_words(data, Path(scratch)):
        source = str(write_rows(data, Path(scratch)) if is_frame(data) or is_rows(data) else data)
        evaluation = judge.evaluate_bundle(folder, source, fields_of(task, text, target), domain=domain)
        return replace(evaluation, part=in_words(data, evaluation.part, Path(scratch)))


def task_spec(
    data: Any,
    *,
    folder: Path,
    text: Columns | None = None,
    target: Columns | None = None,
    task: str | None = None,
    budget: str | float | None = None,
    seed: int | None = None,
) -> TaskSpec:
    """The ``TaskSpec`` for a call of ``select``, ``check`` or ``tune``; rows in memory are written to ``folder``.

    Raises:
        InputError: ``data`` has an unsupported type, or columns are given in addition to a task file.
    """
    if _is_task(data):
        if text is not None or target is not None or task is not None:
            raise InputError(
                "text, target and task can only be used with a data file; a task file names columns in data: "
                "{fields: …}."
            )
        return _with(data if isinstance(data, TaskSpec) else read_task(data), budget, seed)
    kind = task or "text_classification"
    fields = fields_of(kind, text, target)
    if isinstance(data, str | Path):
        name, source = Path(data).name.split(".")[0], str(data)
        source = source if "://" in source else str(Path(data).resolve())
    elif is_frame(data) or is_rows(data):
        name, source = "rows", str(write_rows(data, folder).resolve())
    else:
        raise InputError(
            f"data has type {type(data).__name__}; pass a task file, a TaskSpec, a data file, a frame (pandas, Polars, "
            "Arrow, datasets) or a list of dicts."
        )
    spec = task_from({"name": name or "task", "task": kind, "data": {"train": source, "fields": fields}})
    return _with(spec, budget, seed)


def _with_out(settings: RunSettings | None, out: Path | str | None) -> RunSettings:
    settings = settings or RunSettings()
    return settings if out is None else replace(settings, out=Path(out))


def _is_task(data: Any) -> bool:
    return isinstance(data, TaskSpec) or (isinstance(data, str | Path) and is_yaml(data))


def _with(spec: TaskSpec, budget: str | float | None, seed: int | None) -> TaskSpec:
    seconds = spec.budget_seconds if budget is None else seconds_in(budget)
    check_seed(spec.seed if seed is None else seed)
    return replace(spec, budget_seconds=seconds, seed=spec.seed if seed is None else seed)


def fields_of(task: str, text: Columns | None, target: Columns | None) -> dict[str, str]:
    """Role -> column, from the columns of the text and the gold answer.

    Raises:
        InputError: a single column is given but the task has several roles; the message names them.
    """
    plugin = plugins.load("tasks", task)
    required = [role for role in plugin.FIELDS if role not in plugin.OPTIONAL]
    read = [role for role in required if role in plugin.READS]
    answer = [role for role in required if role not in plugin.READS]
    return _roles("text", text, read or list(plugin.READS)) | _roles("target", target, answer)


def _roles(name: str, columns: Columns | None, roles: list[str]) -> dict[str, str]:
    if columns is None:
        return {}
    if isinstance(columns, Mapping):
        return dict(columns)
    if len(roles) != 1:
        raise InputError(f"{name} is {columns!r}; this task has {', '.join(roles)}: pass a dict from each to a column.")
    return {roles[0]: columns}
