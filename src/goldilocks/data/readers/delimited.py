"""CSV, TSV and other separated text: a header, then a row per record. Rows are numbered from 1 after the header.

Empty lines above the header are passed over, and so is Excel's line ``sep=;``. A record that is the header again, where
files were joined, is not a row.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from goldilocks.data.readers.columns import Rows, require_columns
from goldilocks.data.readers.quoting import quoting_of
from goldilocks.data.readers.text_file import lines_of
from goldilocks.errors import InputError

if TYPE_CHECKING:
    import _csv

USUAL = {".csv": ",", ".tsv": "\t"}
DELIMITERS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "vertical bars"}
csv.field_size_limit(2**31 - 1)  # the default refuses cells above 128 kB
_ENCLOSED = re.compile(r'^"(.*)"$', re.DOTALL)
_EXCEL = re.compile(r"\s*\"?sep=(.)\"?\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file is divided into cells."""

    delimiter: str
    plain: bool = False
    """Quotes are plain characters."""
    spaced: bool = False
    """There is a blank between the delimiter and an opening quote."""
    enclosed: bool = False
    """Quotes are plain, but those around a whole cell are none of it."""


def dialect_of(path: Path, kind: str, wanted: Sequence[str]) -> tuple[Dialect, list[str]]:
    """The dialect of a file, and remarks where it is not the usual one of its kind.

    Args:
        path: The file.
        kind: ``.csv`` or ``.tsv``.
        wanted: Columns that are looked for: another delimiter is taken where the header has more of them under it.
    """
    remarks: list[str] = []
    delimiter = _delimiter(path, USUAL[kind], wanted)
    if delimiter != USUAL[kind]:
        remarks.append(f"cells are separated by {DELIMITERS[delimiter]}")
    quoting = quoting_of(lambda: _table_lines(path), delimiter)
    if quoting.plain:
        remarks.append("quotes are plain characters here: read as quoting they would have joined or broken rows")
    elif quoting.doubtful:
        remarks.append(
            f"{len(quoting.doubtful):,} quoted cells hold line ends, and their lines could be rows themselves "
            f"(row {quoting.doubtful[0]:,}); if quotes are plain characters here, double each and quote the cells"
        )
    return Dialect(delimiter, quoting.plain, quoting.spaced, quoting.enclosed), remarks


def _delimiter(path: Path, usual: str, wanted: Sequence[str]) -> str:
    declared = _EXCEL.fullmatch(next(lines_of(path), ""))
    if declared and declared[1] in DELIMITERS:
        return declared[1]
    first = next(_table_lines(path), "")

    def n_wanted(delimiter: str) -> int:
        try:
            cells = next(csv.reader([first], delimiter=delimiter), [])
        except csv.Error:
            return 0
        return len({cell.strip() for cell in cells} & set(wanted))

    best = max(DELIMITERS, key=n_wanted)
    return best if n_wanted(best) > n_wanted(usual) else usual


def _lines_above(path: Path) -> int:
    """How many lines there are above the header."""
    above = 0
    for line in lines_of(path):
        if not (line.isspace() or (above == 0 and _EXCEL.fullmatch(line))):
            return above
        above += 1
    return above


def _table_lines(path: Path) -> Iterator[str]:
    """The lines of a file from its header on."""
    return islice(lines_of(path), _lines_above(path), None)


def header_of(path: Path, dialect: Dialect) -> list[str]:
    """Names of the columns; none of an empty file."""
    try:
        return [cell.strip() for cell in next(_records(path, dialect), [])]
    except csv.Error as error:
        raise _broken(path, 1, 1, error) from error


def delimited_rows(path: Path, columns: Sequence[str], dialect: Dialect, optional: Collection[str]) -> Rows:
    """Rows of a CSV or TSV.

    Raises:
        InputError: a column is missing, or the quoting is broken.
    """
    header = header_of(path, dialect)
    if not header:
        return
    require_columns(path, columns, header, optional)
    places = [header.index(column) if column in header else None for column in columns]
    number, begins = 0, 1
    above = _lines_above(path)
    reader = _reader(path, dialect)
    try:
        next(reader)
        begins = above + reader.line_num + 1
        for cells in reader:
            begins = above + reader.line_num + 1
            if not cells:
                continue
            number += 1
            cells = _bare(cells, dialect)
            if cells[-1].strip() == header[-1] and [cell.strip().removeprefix("\ufeff") for cell in cells] == header:
                yield number, "the header again, as where files were joined"
            elif len(cells) != len(header):
                yield number, f"{len(cells)} cells where the header has {len(header)}"
            else:
                yield number, [None if place is None else cells[place] for place in places]
    except csv.Error as error:
        raise _broken(path, number + 1, begins, error) from error


def _broken(path: Path, row: int, line: int, error: csv.Error) -> InputError:
    problem = "a quote is not closed or not doubled; write a quote inside a quoted cell twice"
    if "new-line" in str(error):
        problem = "a carriage return outside quotes; save the file with the line ends of Unix or Windows"
    return InputError(f"{path.name}: row {row} (line {line}): {problem} ({error}).")


def _records(path: Path, dialect: Dialect) -> Iterator[list[str]]:
    return (_bare(cells, dialect) for cells in _reader(path, dialect))


def _bare(cells: list[str], dialect: Dialect) -> list[str]:
    """Cells without the quotes around them that the reader left."""
    return [_ENCLOSED.sub(r"\1", cell) for cell in cells] if dialect.enclosed else cells


def _reader(path: Path, dialect: Dialect) -> _csv.Reader:
    return csv.reader(
        _table_lines(path),
        delimiter=dialect.delimiter,
        strict=True,
        skipinitialspace=dialect.spaced,
        quoting=csv.QUOTE_NONE if dialect.plain else csv.QUOTE_MINIMAL,
    )
