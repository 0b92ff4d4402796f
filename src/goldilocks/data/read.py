"""One source of rows -> texts and their labels, with what is wrong with which row kept beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goldilocks.data.formats import Rows, format_of, plain_quotes, rows_of
from goldilocks.data.locate import locate
from goldilocks.errors import InputError
from goldilocks.protocols import Task
from goldilocks.records import Part
from goldilocks.settings import nearest

MISREAD_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Reading:
    """What one source held."""

    source: str
    """As in the task file."""
    part: Part
    """The rows that can be used. Labels have no space around them; texts are as they were."""
    total: int
    """Rows there were, usable or not."""
    problems: Mapping[str, tuple[int, ...]]
    """What is wrong, in words -> the numbers of the rows."""
    remarks: tuple[str, ...] = ()
    """How the source had to be read, where that is not the usual way."""


def read(source: str, fields: Mapping[str, str], task: Task, folder: Path) -> Reading:
    """Read the rows of one source.

    Args:
        source: A .jsonl, .csv, .tsv or .parquet file (each also .gz), a folder with one folder of .txt files per label,
            or either as ``pypi://package/path``.
        fields: Role -> column; a role left out is looked for under its own name.
        task: Says which roles there are (``text`` and ``label``) and what is wrong with a row.
        folder: Where relative names start.

    Raises:
        InputError: no such role or column, an empty source, or a file that cannot be read as what its suffix says.
        MissingError: there is no such file or package.
    """
    for role in fields:
        if role not in task.FIELDS:
            raise InputError(
                f"data.fields names {role!r}, which this task has no use for.{nearest(role, list(task.FIELDS))} "
                f"There are: {', '.join(task.FIELDS)}."
            )
    path = locate(source, folder)
    remarks: list[str] = []
    if path.is_dir():
        rows = _label_folders(path, source, remarks)
        roles = ["text", "label"]
    else:
        roles = list(task.FIELDS)
        plain = format_of(path) == ".tsv" and plain_quotes(path)
        if plain:
            remarks.append("quotes are plain characters here: read as quoting they would have joined or broken rows")
        rows = rows_of(path, [fields.get(role, role) for role in roles], plain=plain)
    reading = _collect(rows, roles, task, source, remarks)
    if reading.total == 0:
        raise InputError(f"{source}: holds no rows; name a file with at least a header and some rows.")
    return reading


def _collect(rows: Rows, roles: list[str], task: Task, source: str, remarks: list[str]) -> Reading:
    texts: list[str] = []
    gold: list[str] = []
    numbers: list[int] = []
    problems: dict[str, list[int]] = {}
    known: dict[str, str] = {}  # one object per label, not one per row
    total = 0
    for number, cells in rows:
        total += 1
        row = None if isinstance(cells, str) else dict(zip(roles, cells, strict=True))
        problem = cells if isinstance(cells, str) else _problem(task, row or {})
        if row is None or problem is not None:
            problems.setdefault(str(problem), []).append(number)
            continue
        label = _as_label(row["label"])
        texts.append(row["text"])
        gold.append(known.setdefault(label, label))
        numbers.append(number)
    return Reading(
        source=source,
        part=Part(tuple(texts), tuple(gold), tuple(numbers)),
        total=total,
        problems={what: tuple(where) for what, where in problems.items()},
        # _label_folders fills the list while the rows are drawn, so it is copied only now
        remarks=tuple(remarks),
    )


def _problem(task: Task, row: Mapping[str, Any]) -> str | None:
    label = row.get("label")
    if label != label or (isinstance(label, str) and label.strip().lower() == "nan"):
        return "label is NaN"
    problem = task.problem(row)
    if problem is None and not row["text"].isascii():
        try:
            row["text"].encode("utf-8")
        except UnicodeEncodeError:
            return "text holds half a character (a lone surrogate)"
    return problem


def _as_label(cell: Any) -> str:
    # A column of whole numbers with one gap comes back from pandas as floats: 1.0 is the label 1 of the other file.
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()


def _label_folders(path: Path, source: str, remarks: list[str]) -> Iterator[tuple[int, list[Any] | str]]:
    """One row per ``label/name.txt``, in the order of the names; UTF-8, else Latin-1 file by file."""
    files = sorted(one for one in path.glob("*/*.txt") if not one.parent.name.startswith((".", "__")))
    if not files:
        raise InputError(
            f"{source}: a folder without label/text.txt in it; make one folder per label, one .txt per text."
        )
    latin: list[str] = []
    for number, file in enumerate(files, start=1):
        raw = file.read_bytes()
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = raw.decode("latin-1")
            latin.append(f"{file.parent.name}/{file.name}")
        yield number, [text, file.parent.name]
    if latin:
        shown = ", ".join(latin[:MISREAD_SHOWN])
        remarks.append(f"{len(latin)} of {len(files)} files are not UTF-8 and were read as Latin-1 ({shown})")
