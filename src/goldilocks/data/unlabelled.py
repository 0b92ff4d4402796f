"""Unlabelled rows, as a stream: lines of text, JSON Lines, or a table that ``evaluate`` could read too.

Lines are passed on as they arrive: one when typed, thousands from a file. A row that cannot be used comes with what is
wrong with it in place of the item; the caller decides what becomes of the others.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice, takewhile
from pathlib import Path
from typing import Any

from goldilocks.data.readers.columns import Skipped, cell_of, has_column
from goldilocks.data.readers.conll import SUFFIXES
from goldilocks.data.readers.delimited import DELIMITERS
from goldilocks.data.readers.encodings import marked_encoding
from goldilocks.data.readers.json_document import broken, loads
from goldilocks.data.readers.json_lines import holds_a_document
from goldilocks.data.readers.recognise import recognise
from goldilocks.data.readers.rows import open_table
from goldilocks.data.readers.text_file import (
    MAX_LINE_BYTES,
    ends_in_carriage_returns,
    lines_of,
    long_line,
    opened,
    starts_in_utf8,
    suffix_of,
)
from goldilocks.errors import InputError, MissingError
from goldilocks.protocols import Task
from goldilocks.records import Output, Text
from goldilocks.rows import item_of, of_line

NumberedItem = tuple[int, Text | InputError]
"""Number of the row from 1 (of a line: that line's), and the item, or what is wrong with the row."""
Columns = Mapping[str, str] | Callable[[Collection[str]], Mapping[str, str]]
"""Role -> column; or the function that chooses them among the columns that are there."""


@dataclass(slots=True)
class CopiedColumns:
    """Further columns of the rows, to be copied to the predictions."""

    columns: tuple[str, ...]
    cells: dict[int, dict[str, Any]] = field(default_factory=dict)
    """Number of a row -> its cells under ``columns``, ``None`` where it has none. Filled before the row is passed on;
    the caller removes what it has used."""

    def note(self, number: int, row: Mapping[str, Any]) -> None:
        """Keep the cells of a row."""
        if self.columns:
            self.cells[number] = {column: row.get(column) for column in self.columns}


_TABLES = (".csv", ".parquet", ".xlsx", ".json", *SUFFIXES)
_CHUNK = 1 << 16
_ROWS = 1_000
_MAX_NAMES = 5
MAX_RECORD_LINES = 1_000
"""Lines of one row of a table: a quote that is not closed by then is not closed at all."""
MAX_NAME, MAX_NAME_WORDS = 40, 3
"""Characters and words of the name of a column; longer cells are those of a text."""
_NOT_CLOSED = "a quote is not closed or not doubled; write a quote inside a quoted cell twice"
_BOM = "\ufeff".encode()
_DOCUMENT = re.compile(rb"[\[{]$|\[\s*\{\s*\"")
"""The first line of a JSON document over several lines, or of a list of objects."""


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
    source: Path | int,
    task: Task,
    columns: Columns,
    *,
    jsonl: bool | None = None,
    kept: CopiedColumns | None = None,
    announce: Callable[[str], None] = lambda _: None,
) -> Iterator[list[NumberedItem]]:
    """Rows, as many at a time as are there.

    Args:
        source: A file (.csv, .xlsx, .parquet, .json and CoNLL are tables, .tsv where its first line names a column that
            is read, .jsonl are JSON Lines, anything else lines of text; each also gzip-compressed), or an open file
            descriptor.
        task: Says what of a row is read, and what is wrong with it.
        columns: Role -> column.
        jsonl: Whether lines are JSON Lines; ``None``: they are if the first is an object with a column that is read.
            A .jsonl always is. Where it is ``None`` and the first line names several columns, among them those that are
            read, the lines are a table.
        kept: Gets further columns of each row; lines of text have those of the task's roles.
        announce: Called with a sentence where lines are found to be JSON Lines.

    Raises:
        MissingError: there is no such file, or a table lacks a column that is to be kept.
        InputError: a table cannot be read as what it is by its first bytes or its name, a .gz ends in the middle, the
            encoding cannot be detected, or lines look like JSON and it is not known which of their texts is meant.
    """
    reader = _Reader(task, columns if callable(columns) else lambda _: columns, kept or CopiedColumns(()), announce)
    if isinstance(source, int):
        return reader.from_lines(partial(os.read, source, _CHUNK), jsonl)
    if source.is_dir():
        raise MissingError(f"{source}: is a folder; name a file in it.")
    if not source.is_file() and not source.is_fifo() and not source.is_char_device():
        raise MissingError(f"{source}: there is no such file; pass lines of text or .jsonl.")
    kind = recognise(source).kind if source.is_file() else suffix_of(source)
    if kind == ".jsonl" and source.is_file() and holds_a_document(source):
        kind = ".json"
    if kind in _TABLES or (kind == ".tsv" and source.is_file() and reader.has_header(source)):
        return reader.from_table(source)
    return reader.from_file(source, True if kind == ".jsonl" else jsonl)


def unlabelled_items(path: Path, task: Task, columns: Columns, output: Output) -> list[Text]:
    """The usable items of a file, as ``arriving`` reads it; rows that cannot be used are left out.

    Args:
        path: The file.
        task: Says what is read of a row.
        columns: Role -> column.
        output: Kind of answer; for tags only items whose words are given are used.

    Raises:
        GoldilocksError: there is no such file, or it cannot be read.
    """
    batches = arriving(path, task, columns)
    items = [item for batch in batches for _, item in batch if not isinstance(item, InputError)]
    return [item for item in items if not isinstance(item, str)] if output is Output.TAGS else items


@dataclass(frozen=True, slots=True)
class _Reader:
    task: Task
    choose: Callable[[Collection[str]], Mapping[str, str]]
    kept: CopiedColumns
    announce: Callable[[str], None]

    def from_file(self, path: Path, jsonl: bool | None) -> Iterator[list[NumberedItem]]:
        if path.is_file() and (not starts_in_utf8(path) or ends_in_carriage_returns(path)):
            # Recoded line by line: the lines of such a file are found only once it is decoded.
            recoded = (line.encode("utf-8", errors="surrogatepass") for line in lines_of(path))
            yield from self.from_lines(lambda: next(recoded, b""), jsonl)
            return
        with opened(path) as file:
            yield from self.from_lines(partial(file.read1, _CHUNK), jsonl)

    def from_lines(self, read: Callable[[], bytes], jsonl: bool | None) -> Iterator[list[NumberedItem]]:
        blank: list[tuple[int, bytes]] = []  # of JSON Lines: no rows where nothing comes after them
        chunks = _whole_lines(read)
        for lines in chunks:
            if lines[0][0] == 1 and (encoding := marked_encoding(lines[0][1])) not in ("", "utf-8-sig"):
                raise InputError(
                    f"the lines look like {encoding.upper()}, not UTF-8; convert them with iconv -f {encoding} "
                    "-t utf-8, or pass them as a file."
                )
            stripped = (raw.removeprefix(_BOM).strip() for _, raw in lines)
            if jsonl is None and (first := next(filter(None, stripped), None)):
                jsonl = self._is_json(first)
                if not jsonl and (header := self._header(first)) is not None:
                    yield from self._records(*header, chain([lines], chunks))
                    return
            objects = jsonl is True
            lines = blank + lines
            blank = list(takewhile(lambda numbered: not numbered[1].strip(), reversed(lines)))[::-1] if objects else []
            rows = [
                (number, self._line(number, raw.removeprefix(_BOM) if number == 1 else raw, objects))
                for number, raw in lines[: len(lines) - len(blank)]
            ]
            if rows:
                yield rows

    def _is_json(self, first: bytes) -> bool:
        """Whether lines are JSON Lines, by the first that is not empty.

        Raises:
            InputError: they look like a JSON document, or like objects without a column that is read.
        """
        if _DOCUMENT.match(first):
            raise InputError(
                "the lines look like one JSON document; pass one object per line (jq -c '.[]'), or name the document "
                "as a .json file. With predict --no-jsonl each line is a text."
            )
        try:
            row = _object(first.decode("utf-8"))
        except (UnicodeDecodeError, InputError):
            return False
        columns = list(self.choose(row).values())
        if any(has_column(column, row) for column in columns):
            self.announce(
                f"The first line is a JSON object with {_names(row)}, so the lines are read as JSON "
                "Lines; --no-jsonl takes them as texts."
            )
            return True
        if not any(isinstance(cell, str) for cell in row.values()):
            return False
        raise InputError(
            f"the first line is a JSON object with {_names(row)} and without {columns[0]!r}; name the "
            "column with --field. With predict --no-jsonl each line is a text."
        )

    def _header(self, first: bytes) -> tuple[list[str], str] | None:
        """Names of columns and the delimiter where the first line is the header of a table with the columns read."""
        try:
            line = first.decode("utf-8")
        except UnicodeDecodeError:
            return None
        for delimiter in DELIMITERS:
            with suppress(csv.Error, StopIteration):
                names = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, strict=True))]
                columns = self.choose(names)
                needed = {column for role, column in columns.items() if role not in self.task.OPTIONAL}
                short = all(len(name) <= MAX_NAME and len(name.split()) <= MAX_NAME_WORDS for name in names)
                if 1 < len(names) == len(set(names)) and short and needed and needed <= set(names):
                    self.announce(
                        f"The first line names the columns {_names(names)}, so the lines are read as a table; "
                        "--no-jsonl takes them as texts."
                    )
                    return names, delimiter
        if line.strip() in self.choose([line.strip()]).values():
            self.announce(
                f"The first line is {line.strip()!r}, the name of a column, and is read as a text; if it is a header, "
                "pass the file as .csv."
            )
        return None

    def _records(
        self, names: list[str], delimiter: str, chunks: Iterable[list[tuple[int, bytes]]]
    ) -> Iterator[list[NumberedItem]]:
        """Rows of separated text as they arrive, numbered from 1 after the header."""
        columns = self.choose(names)
        number, begun = -1, list[str]()  # the lines of a record whose quotes are not closed yet
        for lines in chunks:
            rows: list[NumberedItem] = []
            for _, raw in lines:
                begun.append(raw.decode("utf-8", errors="replace") + "\n")
                cells = _record(begun, delimiter, len(names))
                if cells is None and len(begun) <= MAX_RECORD_LINES:
                    continue
                begun = []
                if not cells and cells is not None:  # an empty line
                    continue
                number += 1
                if number:
                    rows.append((number, self._of_record(number, names, cells, columns)))
            if rows:
                yield rows
        if begun:
            self.kept.note(number + 1, {})
            yield [(number + 1, InputError(_NOT_CLOSED))]

    def _of_record(
        self, number: int, names: list[str], cells: list[str] | None, columns: Mapping[str, str]
    ) -> Text | InputError:
        if cells is None or len(cells) != len(names):
            self.kept.note(number, {})
            width = len(cells or ())
            return InputError(_NOT_CLOSED if cells is None else f"{width} cells where the header has {len(names)}")
        if any("\ufffd" in cell for cell in cells):
            self.kept.note(number, {})
            return InputError("not UTF-8; convert it, e.g. with iconv")
        row = dict(zip(names, cells, strict=True))
        return self._of_cells(number, names, list(row.values()), columns)

    def _line(self, number: int, raw: bytes, jsonl: bool) -> Text | InputError:
        try:
            line = raw.rstrip(b"\r").decode("utf-8")
            row = _object(line) if jsonl else of_line(line, self.task)
            self.kept.note(number, row)
            if jsonl:
                return self._of_object(row)
            return item_of(row, self.task, {role: role for role in self.task.READS})
        except UnicodeDecodeError as error:
            return InputError(f"not UTF-8 at byte {error.start}; convert it, e.g. with iconv")
        except InputError as error:
            return error

    def _of_object(self, row: Mapping[str, Any]) -> Text:
        columns = self.choose(row)
        nested = {column for column in columns.values() if "." in column and column not in row}
        row = {**row, **{column: cell_of(row, column) for column in nested if has_column(column, row)}}
        try:
            return item_of(row, self.task, columns)
        except InputError as error:
            texts = [name for name, cell in row.items() if isinstance(cell, str)]
            if columns[self.task.READS[0]] in row or not texts:
                raise
            raise InputError(f"{error}; if it is in {texts[0]!r}, pass --field {texts[0]}") from error

    def has_header(self, path: Path) -> bool:
        wanted = list(self.choose(()).values())
        first = set(open_table(path, wanted, kind=".tsv").names)
        return not first.isdisjoint(self.choose(first).values())

    def from_table(self, path: Path) -> Iterator[list[NumberedItem]]:
        table = open_table(path, list(self.choose(()).values()))
        columns = self.choose(table.names)
        names = list(dict.fromkeys((*columns.values(), *self.kept.columns)))
        optional = {columns[role] for role in self.task.OPTIONAL if role in columns}
        # Rows that were not annotated are what a model is asked about.
        table.records = [dict(row.row) if isinstance(row, Skipped) and row.row else row for row in table.records]
        table.only_accepted = False
        rows = table.rows(names, optional)
        while batch := list(islice(rows, _ROWS)):
            yield [(number, self._of_cells(number, names, cells, columns)) for number, cells in batch]

    def _of_cells(
        self, number: int, names: list[str], cells: list[Any] | str, columns: Mapping[str, str]
    ) -> Text | InputError:
        if isinstance(cells, str):
            self.kept.note(number, {})
            return InputError(cells)
        row = dict(zip(names, cells, strict=True))
        self.kept.note(number, row)
        try:
            return item_of({column: row[column] for column in columns.values()}, self.task, columns)
        except InputError as error:
            return error


def _record(lines: list[str], delimiter: str, width: int) -> list[str] | None:
    """The cells of a record; ``None`` where a quote is not closed yet.

    Between tabs quotes are plain characters where reading them as quotes does not give a line as many cells as the
    header has.
    """
    try:
        cells = next(csv.reader(lines, delimiter=delimiter, strict=True), [])
        if delimiter != "\t" or len(cells) == width or not cells:
            return cells
    except csv.Error as error:
        if delimiter != "\t":
            return None if "unexpected" in str(error) else lines[0].rstrip("\r\n").split(delimiter)
    return lines[0].rstrip("\r\n").split(delimiter)


def _names(row: Iterable[str]) -> str:
    names = list(row)
    return ", ".join(map(repr, names[:_MAX_NAMES])) + (", ..." if len(names) > _MAX_NAMES else "")


def _whole_lines(read: Callable[[], bytes]) -> Iterator[list[tuple[int, bytes]]]:
    """Numbered lines, as many at a time as are there.

    Raises:
        InputError: a line is longer than any row.
    """
    rest: list[bytes] = []  # of a line that has not ended yet
    done = length = 0
    while chunk := read():
        first, *more = chunk.split(b"\n")
        rest.append(first)
        length += len(first)
        if more:
            lines = [b"".join(rest), *more[:-1]]
            rest, length = [more[-1]], len(more[-1])
            yield list(enumerate(lines, start=done + 1))
            done += len(lines)
        if length > MAX_LINE_BYTES:
            raise long_line("the input", done + 1)
    if length:
        yield [(done + 1, b"".join(rest))]


def _object(line: str) -> dict[str, Any]:
    if not line.strip():
        raise InputError("an empty line, not a JSON object")
    try:
        content = loads(line.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise InputError(broken(error)) from error
    if not isinstance(content, dict):
        raise InputError(f"a JSON {type(content).__name__}, not an object")
    return content
