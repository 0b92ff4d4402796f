"""Excel workbooks (.xlsx): the first sheet with rows, whose first row is the header. Needs the extra ``excel``."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from goldilocks.data.readers.columns import Rows, plain_cell, require_columns
from goldilocks.data.readers.text_file import opened
from goldilocks.errors import InputError, MissingError


def names_in(path: Path) -> tuple[list[str], list[str]]:
    """Names of the columns, and a remark where other sheets hold rows too."""
    sheet, rows, others = _sheet(path)
    header = next(rows, [])
    remarks = [f"the sheet {sheet!r} is read; there are others: {', '.join(map(repr, others))}"] if others else []
    return [_name(cell) for cell in header], remarks


def workbook_rows(path: Path, columns: Sequence[str], optional: Collection[str]) -> Rows:
    """Rows of the first sheet that is not empty, numbered from 1 behind the header; empty rows are passed over.

    Raises:
        InputError: it is no workbook or lacks a column.
        MissingError: openpyxl is not installed.
    """
    _, rows, _ = _sheet(path)
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


def _sheet(path: Path) -> tuple[str, Iterator[Sequence[Any]], list[str]]:
    """Name and rows of the first sheet with a cell, and the names of others."""
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
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, SyntaxError, TypeError, AttributeError) as error:
        problem = " ".join(str(error).split())
        raise InputError(
            f"{path.name}: not readable as an Excel workbook ({problem}); save it again, or as CSV."
        ) from error
    if not sheets:
        return "", iter(()), []
    return sheets[0].title, iter(sheets[0].iter_rows(values_only=True)), [sheet.title for sheet in sheets[1:]]
