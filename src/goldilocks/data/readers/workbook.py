"""Excel workbooks (.xlsx): the sheet with the columns that are wanted, else the first with rows. Needs ``excel``.

The header is the first row with wanted columns (there may be a title above it), else the first that is not empty.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from goldilocks.data.readers.columns import Rows, plain_cell, require_columns
from goldilocks.data.readers.text_file import opened
from goldilocks.errors import InputError, MissingError

TITLE_ROWS = 20
"""Rows among which the header is looked for."""


def names_in(path: Path, wanted: Sequence[str] = ()) -> tuple[list[str], list[str]]:
    """Names of the columns, and remarks where other sheets hold rows too, or there are rows above the header."""
    sheet, rows, others, above = _sheet(path, wanted)
    remarks = [f"the sheet {sheet!r} is read; there are others: {', '.join(map(repr, others))}"] if others else []
    if above:
        remarks.append(f"the header is row {above + 1} of the sheet; the rows above it are ignored")
    return [_name(cell) for cell in next(rows, [])], remarks


def workbook_rows(path: Path, columns: Sequence[str], optional: Collection[str]) -> Rows:
    """Rows of the sheet, numbered from 1 after the header; empty rows are passed over.

    Raises:
        InputError: it is not a workbook or lacks a column.
        MissingError: openpyxl is not installed.
    """
    _, rows, _, _ = _sheet(path, columns)
    header = [_name(cell) for cell in next(rows, [])]
    if not header:
        return
    require_columns(path, columns, header, optional)
    places = [header.index(column) if column in header else None for column in columns]
    number = 0
    for cells in rows:
        if all(cell is None for cell in cells):
            continue
        number += 1
        padded = [*cells, *[None] * (len(header) - len(cells))]
        yield number, [None if place is None else plain_cell(padded[place]) for place in places]


def _name(cell: Any) -> str:
    return "" if cell is None else str(cell).strip()


def _sheet(path: Path, wanted: Sequence[str]) -> tuple[str, Iterator[Sequence[Any]], list[str], int]:
    """Name and rows (from the header on) of a sheet, the names of others with a cell, and the rows above the header."""
    try:
        import openpyxl
    except ModuleNotFoundError as error:
        raise MissingError(
            f"{path.name}: reading .xlsx needs openpyxl, which is not installed: pip install goldilocks-lm[excel]"
        ) from error
    try:
        with opened(path) as raw:
            # Values as they were last calculated, not formulas.
            book = openpyxl.load_workbook(io.BytesIO(raw.read()), read_only=True, data_only=True)
        sheets = [sheet for sheet in book.worksheets if any(any(row) for row in sheet.iter_rows(values_only=True))]
        places = [_header_place(sheet.iter_rows(values_only=True, max_row=TITLE_ROWS), wanted) for sheet in sheets]
    except _DAMAGED as error:
        raise _unreadable(path, error) from error
    if not sheets:
        return "", iter(()), [], 0
    chosen = max(range(len(sheets)), key=lambda place: places[place][1])  # the first of equals
    above = places[chosen][0]
    rows = islice(_checked(path, sheets[chosen].iter_rows(values_only=True)), above, None)
    others = [sheet.title for place, sheet in enumerate(sheets) if place != chosen]
    return sheets[chosen].title, rows, others, above


_DAMAGED = (zipfile.BadZipFile, LookupError, ValueError, OSError, SyntaxError, TypeError, AttributeError)
"""What openpyxl raises about files that are none of its own; some only when the row in question is read."""


def _checked(path: Path, rows: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
    try:
        yield from rows
    except _DAMAGED as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> InputError:
    problem = " ".join(str(error).split())
    return InputError(f"{path.name}: not readable as an Excel workbook ({problem}); save it again, or as CSV.")


def _header_place(rows: Iterable[Sequence[Any]], wanted: Sequence[str]) -> tuple[int, int]:
    """How many rows there are above the header, and how many wanted columns it has."""
    first, best_place, n_matching = -1, 0, 0
    for place, cells in enumerate(rows):
        names = {_name(cell) for cell in cells} - {""}
        first = place if first < 0 and names else first
        if (n_names := len(names.intersection(wanted))) > n_matching:
            best_place, n_matching = place, n_names
    return (best_place, n_matching) if n_matching else (max(first, 0), 0)
