"""Rows of one file, whatever its format, numbered as a person finds them.

``open_table`` looks at the file once: what it is by its first bytes, its encoding, delimiter and quotes, the tool that
exported it. Rows then come as ``(row number, cells)`` with the cells in the order of the columns asked for, or ``(row
number, what is wrong with the row)``. Rows are numbered from 1; a header is not counted, a JSON Lines row is its line.
What makes the whole file unreadable (a missing column, a quote that is never closed) is raised.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from goldilocks.data.readers import conll, json_document, json_lines, parquet, workbook
from goldilocks.data.readers.columns import Rows
from goldilocks.data.readers.delimited import USUAL, Dialect, delimited_rows, dialect_of, header_of
from goldilocks.data.readers.exports import Export, accepted, export_of, is_prodigy, nested_records, without_gaps
from goldilocks.data.readers.recognise import recognise
from goldilocks.data.readers.text_file import lines_of, text_facts
from goldilocks.errors import InputError

FORMATS = (".jsonl", ".json", ".csv", ".tsv", ".parquet", ".xlsx", *conll.SUFFIXES)
BINARY = (".parquet", ".xlsx")
MAX_COLUMNS = 10_000
ANSWER = "answer"


@dataclass(slots=True)
class Table:
    """A file with columns, opened."""

    path: Path
    kind: str
    """The suffix it is read as."""
    names: list[str]
    """Names of its columns, as far as they are known without reading all rows; none of CoNLL columns."""
    remarks: list[str] = field(default_factory=list)
    """How it is read, where that is not the usual way."""
    dialect: Dialect = field(default_factory=lambda: Dialect(","))
    export: Export | None = None
    records: list[json_document.Record | str] = field(default_factory=list)
    """The rows of a .json, which is one document."""
    only_accepted: bool = False
    """Whether a column ``answer`` says which rows were accepted: the others are left out."""

    def rows(self, columns: Sequence[str], optional: Collection[str] = frozenset()) -> Rows:
        """Rows with these columns.

        Args:
            columns: Names of the columns wanted; ``a.b`` is the key ``b`` of the objects in ``a``.
            optional: Columns that may be missing; their cells are then ``None``.

        Raises:
            InputError: a column is missing, or the quoting or compression is damaged.
        """
        if self.only_accepted:
            return accepted(self._rows([*columns, ANSWER], optional))
        return self._rows(columns, optional)

    def _rows(self, columns: Sequence[str], optional: Collection[str]) -> Rows:
        if self.kind == ".jsonl":
            return json_lines.json_line_rows(self.path, columns, optional, self.export.convert if self.export else None)
        if self.kind == ".json":
            return json_document.json_rows(self.path, columns, optional, self.records)
        if self.kind == ".parquet":
            return parquet.parquet_rows(self.path, columns, optional)
        if self.kind == ".xlsx":
            return workbook.workbook_rows(self.path, columns, optional)
        if self.kind in conll.SUFFIXES:
            return conll.rows_of(self.path, lambda: lines_of(self.path), columns, optional, self.remarks)
        return delimited_rows(self.path, columns, self.dialect, optional)


def open_table(path: Path, wanted: Sequence[str] = (), *, kind: str = "") -> Table:
    """Find out how a file has to be read.

    Args:
        path: A file in one of ``FORMATS``, each also gzip-compressed.
        wanted: Columns that are expected: they show the delimiter of separated text.
        kind: The suffix to read it as; empty: what its first bytes and its name say.

    Raises:
        InputError: another kind of file, an encoding that cannot be detected, damaged compression.
    """
    recognised = recognise(path)
    kind = kind or recognised.kind
    _refuse_unknown(path, kind)
    remarks = [recognised.remark] if recognised.remark else []
    if kind == ".jsonl" and json_lines.holds_a_document(path):
        kind = ".json"
    elif kind == ".json" and json_lines.holds_lines(path):
        kind = ".jsonl"
        remarks.append("holds an object on each line, and is read as JSON Lines")
    elif kind in USUAL and json_lines.holds_objects(path):
        kind = ".jsonl"
        remarks.append("holds a JSON object on each line, and is read as JSON Lines")
    elif kind == ".jsonl" and _is_table(path, wanted):
        kind = ".csv"
        remarks.append("holds no JSON but a table, and is read as such")
    if kind not in BINARY and (encoding := text_facts(path).encoding):
        remarks.append(f"read as {encoding}, which its characters show; in UTF-8 there is nothing to detect")
    table = Table(path, kind, [], remarks)
    if kind == ".jsonl":
        _open_json_lines(table)
    elif kind == ".json":
        _open_json(table)
    elif kind == ".parquet":
        table.names = parquet.names_in(path)
    elif kind == ".xlsx":
        table.names, more = workbook.names_in(path, wanted)
        table.remarks += more
    elif kind in USUAL:
        table.dialect, more = dialect_of(path, kind, wanted)
        table.remarks += more
        table.names = header_of(path, table.dialect)
    if len(table.names) > MAX_COLUMNS:
        raise InputError(
            f"{path.name}: has {len(table.names):,} columns, and at most {MAX_COLUMNS:,} are read; keep those of texts "
            "and labels."
        )
    if table.kind in (*BINARY, *USUAL) and ANSWER in table.names and ANSWER not in wanted:
        first = islice(table.rows([ANSWER]), json_lines.NAMED_BY)
        table.only_accepted = is_prodigy(table.names, (cells[0] for _, cells in first if not isinstance(cells, str)))
        remarks += ["read as an export of Prodigy"] if table.only_accepted else []
    return table


def _is_table(path: Path, wanted: Sequence[str]) -> bool:
    """Whether a file under the name of JSON Lines is separated text: no JSON, and a header with a column wanted."""
    if any(True for _ in json_lines.first_values(path)):
        return False
    try:
        return not set(wanted).isdisjoint(header_of(path, dialect_of(path, ".csv", wanted)[0]))
    except InputError:
        return False


def rows_of(path: Path, columns: Sequence[str], *, optional: Collection[str] = frozenset(), kind: str = "") -> Rows:
    """``Table.rows`` of a file.

    Raises:
        InputError: see ``open_table`` and ``Table.rows``.
    """
    yield from open_table(path, columns, kind=kind).rows(columns, optional)


def _refuse_unknown(path: Path, kind: str) -> None:
    if kind == ".spacy":
        raise InputError(
            f"{path.name}: is spaCy's binary form; write its documents as JSON Lines with text and entities "
            "([start, end, label]), or as CoNLL columns."
        )
    if kind not in FORMATS:
        raise InputError(
            f"{path.name}: rows are read from {' '.join(FORMATS)} (each also .gz) or a folder of label folders; "
            "convert the file, or rename it if it is one of these."
        )


def _open_json_lines(table: Table) -> None:
    table.export = export_of(json_lines.first_values(table.path))
    table.names = json_lines.names_in(table.path, table.export.convert if table.export else None)
    _remark_export(table)


def _open_json(table: Table) -> None:
    content = json_document.document(table.path)
    listed = nested_records(content) or content
    if isinstance(content, dict) and export_of([content]) is not None:  # a single task
        listed = [content]
    table.export = export_of(listed[: json_lines.NAMED_BY]) if isinstance(listed, list) else None
    if table.export is not None and isinstance(listed, list):
        table.records = without_gaps(table.export, list(map(table.export.convert, listed)))
    else:
        table.records = json_document.records(table.path.name, listed)
    table.names = json_document.names_of(table.records)
    _remark_export(table)


def _remark_export(table: Table) -> None:
    if table.export is not None:
        table.remarks.append(f"read as an export of {table.export.tool}")
