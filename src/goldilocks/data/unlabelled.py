"""Rows to answer, as they come: lines of text, JSON Lines, or a table that ``evaluate`` could read too.

Lines are passed on as they arrive: one when typed, thousands from a file. A row that cannot be used comes with what is
wrong with it in place of the item; the caller decides what becomes of the others.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

from goldilocks.data.readers.conll import SUFFIXES
from goldilocks.data.readers.encodings import marked_encoding
from goldilocks.data.readers.json_document import loads
from goldilocks.data.readers.recognise import recognise
from goldilocks.data.readers.rows import open_table
from goldilocks.data.readers.text_file import lines_of, opened, starts_in_utf8, suffix_of
from goldilocks.errors import InputError, MissingError
from goldilocks.protocols import Task
from goldilocks.records import Text
from goldilocks.rows import item_of, of_line

Asked = tuple[int, Text | InputError]
"""Number of the row from 1 (of a line: that line's), and what the model reads of it or what is wrong with it."""

_TABLES = (".csv", ".parquet", ".xlsx", ".json", *SUFFIXES)
_CHUNK = 1 << 16
_ROWS = 1_000
_BOM = "\ufeff".encode()


def columns_of(task: Task, fields: Mapping[str, str]) -> dict[str, str]:
    """Role -> column of all that a model reads, optional roles too.

    Raises:
        InputError: ``fields`` names another role.
    """
    for role, column in fields.items():
        if role not in task.READS:
            raise InputError(f"--field {role}={column}: this task takes {', '.join(task.READS)}, not {role!r}.")
    return {role: fields.get(role, role) for role in task.READS}


def arriving(
    source: Path | int, task: Task, columns: Mapping[str, str], *, jsonl: bool = False
) -> Iterator[list[Asked]]:
    """Rows, as many at a time as are there.

    Args:
        source: A file (.csv, .xlsx, .parquet, .json and CoNLL are tables, .tsv where its first line names a column that
            is read, .jsonl are JSON Lines, anything else lines of text; each also gzip-compressed), or an open file
            descriptor.
        task: Says what of a row is read, and what is wrong with it.
        columns: Role -> column.
        jsonl: A file descriptor holds JSON Lines.

    Raises:
        MissingError: there is no such file.
        InputError: a table cannot be read as what it is by its first bytes or its name, a .gz ends in the middle, the
            encoding cannot be detected.
    """
    if isinstance(source, int):
        return _from_lines(partial(os.read, source, _CHUNK), task, columns, jsonl)
    if source.is_dir():
        raise MissingError(f"{source}: is a folder; name a file in it.")
    if not source.is_file() and not source.is_fifo() and not source.is_char_device():
        raise MissingError(f"{source}: there is no such file; pass lines of text or .jsonl.")
    kind = recognise(source).kind if source.is_file() else suffix_of(source)
    if kind in _TABLES or (kind == ".tsv" and source.is_file() and _has_header(source, columns)):
        return _from_table(source, task, columns)
    return _from_file(source, task, columns, kind == ".jsonl")


def _from_file(path: Path, task: Task, columns: Mapping[str, str], jsonl: bool) -> Iterator[list[Asked]]:
    if path.is_file() and not starts_in_utf8(path):
        # Recoded line by line: the lines of a file that is not UTF-8 are found only once it is decoded.
        recoded = (line.encode("utf-8", errors="surrogatepass") for line in lines_of(path))
        yield from _from_lines(lambda: next(recoded, b""), task, columns, jsonl)
        return
    with opened(path) as file:
        yield from _from_lines(partial(file.read1, _CHUNK), task, columns, jsonl)


def _from_lines(
    read: Callable[[], bytes], task: Task, columns: Mapping[str, str], jsonl: bool
) -> Iterator[list[Asked]]:
    blank: list[tuple[int, bytes]] = []  # of JSON Lines: no rows where nothing comes behind them
    for lines in _whole_lines(read):
        if lines[0][0] == 1 and (encoding := marked_encoding(lines[0][1])) not in ("", "utf-8-sig"):
            raise InputError(
                f"the lines look like {encoding.upper()}, not UTF-8; convert them with iconv -f {encoding} -t utf-8, "
                "or pass them as a file."
            )
        lines = blank + lines
        blank = list(takewhile(lambda one: jsonl and not one[1].strip(), reversed(lines)))[::-1]
        asked = (
            (number, _asked(raw.removeprefix(_BOM) if number == 1 else raw, task, columns, jsonl))
            for number, raw in lines[: len(lines) - len(blank)]
        )
        if batch := list(asked):
            yield batch


def _whole_lines(read: Callable[[], bytes]) -> Iterator[list[tuple[int, bytes]]]:
    rest = b""
    done = 0
    while chunk := read():
        *lines, rest = (rest + chunk).split(b"\n")
        if lines:
            yield list(enumerate(lines, start=done + 1))
            done += len(lines)
    if rest:
        yield [(done + 1, rest)]


def _asked(raw: bytes, task: Task, columns: Mapping[str, str], jsonl: bool) -> Text | InputError:
    try:
        line = raw.rstrip(b"\r").decode("utf-8")
        if jsonl:
            return _of_object(_object(line), task, columns)
        return item_of(of_line(line, task), task, {role: role for role in task.READS})
    except UnicodeDecodeError as error:
        return InputError(f"not UTF-8 at byte {error.start}; convert it, e.g. with iconv")
    except InputError as error:
        return error


def _of_object(row: Mapping[str, Any], task: Task, columns: Mapping[str, str]) -> Text:
    try:
        return item_of(row, task, columns)
    except InputError as error:
        texts = [name for name, cell in row.items() if isinstance(cell, str)]
        if columns[task.READS[0]] in row or not texts:
            raise
        raise InputError(f"{error}; if it is in {texts[0]!r}, pass --field {texts[0]}") from error


def _object(line: str) -> dict[str, Any]:
    if not line.strip():
        raise InputError("an empty line, not a JSON object")
    try:
        found = loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"broken JSON ({str(error).split(':')[0]})") from error
    if not isinstance(found, dict):
        raise InputError(f"a JSON {type(found).__name__}, not an object")
    return found


def _has_header(path: Path, columns: Mapping[str, str]) -> bool:
    first = next(lines_of(path), "")
    return not {cell.strip() for cell in first.split("\t")}.isdisjoint(columns.values())


def _from_table(path: Path, task: Task, columns: Mapping[str, str]) -> Iterator[list[Asked]]:
    names = list(columns.values())
    optional = {columns[role] for role in task.OPTIONAL if role in columns}
    rows = open_table(path, names).rows(names, optional)
    while batch := list(islice(rows, _ROWS)):
        yield [(number, _of_cells(cells, task, columns)) for number, cells in batch]


def _of_cells(cells: list[Any] | str, task: Task, columns: Mapping[str, str]) -> Text | InputError:
    if isinstance(cells, str):
        return InputError(cells)
    try:
        return item_of(dict(zip(columns.values(), cells, strict=True)), task, columns)
    except InputError as error:
        return error
