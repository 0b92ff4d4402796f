"""CSV and TSV: a header, then a row per record. Rows are numbered from 1 behind the header."""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from goldilocks.data.readers.columns import Rows, require_columns
from goldilocks.data.readers.text_file import lines_of
from goldilocks.errors import InputError

if TYPE_CHECKING:
    import _csv


def plain_quotes(path: Path) -> bool:
    """Whether the quotes of a .tsv are plain characters (as in GLUE): read as quoting they break rows apart or "
    "together.
    """
    width = 0
    try:
        for cells in _cells(path, "\t", plain=False):
            width = width or len(cells)
            if cells and len(cells) != width:
                return True
    except csv.Error:
        return True
    return False


def delimited_rows(path: Path, columns: Sequence[str], delimiter: str, plain: bool, optional: Collection[str]) -> Rows:
    """Rows of a CSV or TSV.

    Raises:
        InputError: a column is missing, the quoting is broken, or the file is not UTF-8.
    """
    reader = _cells(path, delimiter, plain=plain)
    number, begins = 0, 1
    try:
        header = [cell.strip() for cell in next(reader, [])]
        if not header:
            return
        require_columns(path, [column for column in columns if column in header or column not in optional], header)
        places = [header.index(column) if column in header else None for column in columns]
        begins = reader.line_num + 1
        for cells in reader:
            begins = reader.line_num + 1
            if not cells:
                continue
            number += 1
            if len(cells) != len(header):
                yield number, f"{len(cells)} cells where the header has {len(header)}"
            else:
                yield number, [None if place is None else cells[place] for place in places]
    except csv.Error as error:
        what = "a quote is not closed or not doubled; write a quote inside a quoted cell twice"
        if "new-line" in str(error):
            what = "a carriage return outside quotes; save the file with the line ends of Unix or Windows"
        raise InputError(f"{path.name}: row {number + 1} (line {begins}): {what} ({error}).") from error


def _cells(path: Path, delimiter: str, *, plain: bool) -> _csv.Reader:
    csv.field_size_limit(2**31 - 1)  # the default refuses cells above 128 kB
    lines = lines_of(path)
    return csv.reader(lines, delimiter=delimiter, strict=True, quoting=csv.QUOTE_NONE if plain else csv.QUOTE_MINIMAL)
