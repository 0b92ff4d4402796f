"""What several commands take: a task file, or a data file that a task is made for on the spot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from goldilocks.errors import InputError
from goldilocks.records import TaskSpec
from goldilocks.settings import read_task, seconds_in, task_from

TaskArgument = Annotated[
    Path, typer.Argument(help="A task file (YAML), or a data file (.csv .tsv .jsonl .parquet, each also .gz).")
]
FieldOption = Annotated[
    list[str] | None,
    typer.Option("--field", help="With a data file: role=column, e.g. --field text=body --field label=topic."),
]
OnlineOption = Annotated[
    bool,
    typer.Option("--online/--offline", help="Whether models may be fetched from the Hub (HF_ENDPOINT is honoured)."),
]
_YAML = (".yaml", ".yml")


def spec_of(task: Path, fields: list[str] | None = None, budget: str | None = None) -> TaskSpec:
    """The task in a task file; for a data file, a task with the defaults.

    Raises:
        InputError: a field is not ``role=column``, or fields are given with a task file.
    """
    if task.suffix.lower() in _YAML or not task.suffix:
        if fields:
            raise InputError(
                "--field goes with a data file; in a task file write data: {fields: {text: ..., label: ...}}."
            )
        spec = read_task(task)
    else:
        named = pairs_of(fields)
        spec = task_from({"name": task.name.split(".")[0], "data": {"train": str(task.resolve()), "fields": named}})
    return replace(spec, budget_seconds=seconds_in(budget)) if budget else spec


def pairs_of(fields: list[str] | None) -> dict[str, str]:
    """Role -> column of ``--field`` options.

    Raises:
        InputError: one is not ``role=column``.
    """
    pairs = [one.partition("=") for one in fields or ()]
    wrong = next((one for one, pair in zip(fields or (), pairs, strict=True) if not pair[1] or not pair[2]), None)
    if wrong is not None:
        raise InputError(f"--field {wrong}: write role=column, e.g. --field text=body.")
    return {role: column for role, _, column in pairs}
