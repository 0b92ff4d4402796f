"""``goldilocks predict``: answers for lines of text, as they come."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from goldilocks.errors import InputError, MissingError

if TYPE_CHECKING:
    from goldilocks.protocols import Task
    from goldilocks.records import Text

_CHUNK = 1 << 16


def predict(
    bundle: Annotated[Path, typer.Argument(help="The bundle's folder.")],
    file: Annotated[Path | None, typer.Argument(help="Lines of text, or .jsonl; standard input when left out.")] = None,
    field: Annotated[
        list[str] | None, typer.Option(help="In .jsonl: the key that holds the text, or role=key (repeatable).")
    ] = None,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Standard input is JSON Lines.")] = False,
    scores: Annotated[bool, typer.Option("--scores", help="Write the probability of every label.")] = False,
) -> None:
    """Answer each line of FILE (or of standard input) with one line of JSON, in order, as it goes.

    A line holds what the task reads: a text, or several separated by tabs. JSON Lines name each by its role.

    Example: echo "my card has not arrived" | goldilocks predict run/bundle
    """
    from goldilocks import plugins
    from goldilocks.answers import as_fields
    from goldilocks.bundle.read import load

    model = load(bundle)
    task = plugins.load("tasks", model.info.task)
    keys = _keys(task.READS, task.OPTIONAL, field or [])
    as_json = jsonl or (file is not None and file.suffix == ".jsonl")
    number = 0
    for lines in _arriving(file):
        items = [_item(task, line, number + i + 1, keys, as_json) for i, line in enumerate(lines)]
        number += len(lines)
        for answer in model.predict(items):
            found = as_fields(answer, model.info.goal, scores=scores)
            sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
        sys.stdout.flush()


def _keys(reads: Sequence[str], optional: Collection[str], fields: Sequence[str]) -> dict[str, str]:
    """Role -> key of a JSON object. A field without ``=`` is the key of the first role."""
    keys = {role: role for role in reads if role not in optional}
    for one in fields:
        role, _, key = one.rpartition("=")
        role = role or reads[0]
        if role not in reads:
            raise InputError(f"--field {one}: this task reads {', '.join(reads)}, not {role!r}.")
        keys[role] = key
    return keys


def _item(task: Task, line: str, number: int, keys: Mapping[str, str], as_json: bool) -> Text:
    row = _row_of_json(line, number, keys) if as_json else _row_of_line(line, number, list(keys))
    for role, cell in row.items():
        if not (isinstance(cell, str) or (isinstance(cell, list) and all(isinstance(one, str) for one in cell))):
            raise InputError(f"line {number}: {keys[role]!r} is a {type(cell).__name__}; it must be text.")
    return task.item(row)


def _row_of_json(line: str, number: int, keys: Mapping[str, str]) -> dict[str, Any]:
    try:
        found = json.loads(line)
        return {role: found[key] for role, key in keys.items()}
    except (ValueError, KeyError, TypeError) as error:
        wanted = " and ".join(map(repr, keys.values()))
        raise InputError(f"line {number}: no JSON object with the key {wanted}; name keys with --field.") from error


def _row_of_line(line: str, number: int, roles: Sequence[str]) -> dict[str, Any]:
    cells = line.split("\t") if len(roles) > 1 else [line]
    if len(cells) != len(roles):
        raise InputError(
            f"line {number}: {len(cells)} cells; this task reads {', '.join(roles)}: separate them by tabs, or pass "
            ".jsonl."
        )
    return dict(zip(roles, cells, strict=True))


def _arriving(file: Path | None) -> Iterator[list[str]]:
    """Whole lines, as many at a time as are there: one when typed, thousands from a file."""
    try:
        handle = os.open(file, os.O_RDONLY) if file else sys.stdin.fileno()
    except FileNotFoundError as error:
        raise MissingError(f"{file}: there is no such file; pass lines of text or .jsonl.") from error
    rest = b""
    done = 0
    while chunk := os.read(handle, _CHUNK):
        *lines, rest = (rest + chunk).split(b"\n")
        if lines:
            yield [_decoded(line, done + i + 1) for i, line in enumerate(lines)]
            done += len(lines)
    if rest:
        yield [_decoded(rest, done + 1)]


def _decoded(line: bytes, number: int) -> str:
    try:
        return line.rstrip(b"\r").decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"line {number}: not UTF-8 at byte {error.start}; convert it, e.g. with iconv.") from error
