"""Arguments and options that several commands share: a task file, or a data file with a task's defaults."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from goldilocks.errors import InputError
from goldilocks.records import TaskSpec
from goldilocks.settings import is_yaml, read_task, seconds_in, task_from
from goldilocks.support.text.translation import keep_paths_too

TaskArgument = Annotated[
    Path,
    typer.Argument(
        help="A task file (YAML), or a data file (.csv .tsv .jsonl .parquet .xlsx .json .conll .txt, also .gz) or "
        "folder (one subfolder per label, or BRAT)."
    ),
]
KindOption = Annotated[
    str | None,
    typer.Option(
        "--task", help="With a data file: the task; see `goldilocks list tasks`. Default: text_classification."
    ),
]
LanguageOption = Annotated[
    str | None, typer.Option("--language", help="With a data file: its language (BCP 47 tag). Default: detected.")
]
MetricOption = Annotated[
    str | None,
    typer.Option("--metric", help="With a data file: the metric that decides. Default: the task's first metric."),
]
FieldOption = Annotated[
    list[str] | None,
    typer.Option(
        "--field",
        help="With a data file: the column of a role, as role=column, e.g. --field text=body --field label=topic.",
    ),
]
OnlineOption = Annotated[
    bool,
    typer.Option(
        "--online/--offline", help="Whether to download models from the Hugging Face Hub (HF_ENDPOINT is respected)."
    ),
]
UnsafeOption = Annotated[
    bool,
    typer.Option(
        "--unsafe-execution",
        help="Code generation: run programs even without namespace isolation. Generated code then runs with your "
        "permissions (as user nobody if you are root); only Python-level guards block network and files, and a hostile "
        "program can bypass them.",
    ),
]
MaxBytesOption = Annotated[
    int | None,
    typer.Option(
        "--max-bytes", min=1, help="Reject data sources above this size, decompressed. Default: 4,000,000,000."
    ),
]


def spec_of(
    task: Path,
    fields: list[str] | None = None,
    budget: str | None = None,
    *,
    kind: str | None = None,
    language: str | None = None,
    metric: str | None = None,
    max_bytes: int | None = None,
) -> TaskSpec:
    """The task of a task file; for a data file, a task with defaults and the given options.

    ``is_task_file`` says which it is.

    Raises:
        InputError: a field is not ``role=column``, or what belongs in a task file is given together with one.
    """
    given = {key: value for key, value in {"task": kind, "language": language, "metric": metric}.items() if value}
    if is_task_file(task, kind):
        if fields:
            raise InputError(
                "--field can only be used with a data file; in a task file write data: {fields: {text: ..., label: "
                "...}}."
            )
        if given:
            key, value = next(iter(given.items()))
            raise InputError(f"--{key} can only be used with a data file; in a task file write {key}: {value}.")
        spec = read_task(task)
        named = (spec.data.train, spec.data.validation, spec.data.test, spec.data.unlabelled)
        keep_paths_too(path for path in named if path)
    else:
        # A name and a folder, not resolved: a link is read under its own name, and a moved project is the same task.
        folder, train = (Path.cwd(), str(task)) if "+" in str(task) else (task.absolute().parent, task.name)
        data = {"train": train, "fields": pairs_of(fields)}
        spec = task_from({"name": task.name.split(".")[0] or "task", "data": data, **given}, folder=folder)
    if max_bytes is not None:
        spec = replace(spec, data=replace(spec.data, max_bytes=max_bytes))
    return replace(spec, budget_seconds=seconds_in(budget)) if budget else spec


def is_task_file(path: Path, kind: str | None = None) -> bool:
    """Whether a path is a task file: one without a suffix is, unless it is a folder or a ``kind`` of task is given."""
    return is_yaml(path) or not (path.suffix or kind or path.is_dir())


def pairs_of(
    fields: list[str] | None, option: str = "--field", form: str = "role=column, e.g. --field text=body"
) -> dict[str, str]:
    """Name -> value of options such as ``--field role=column``.

    Args:
        fields: As they were given.
        option: Its name, for the message.
        form: What to write, for the message.

    Raises:
        InputError: one is not ``name=value``.
    """
    pairs = [field.partition("=") for field in fields or ()]
    wrong = next((field for field, pair in zip(fields or (), pairs, strict=True) if not all(pair)), None)
    if wrong is not None:
        raise InputError(f"{option} {wrong}: write {form}.")
    return {role: column for role, _, column in pairs}
