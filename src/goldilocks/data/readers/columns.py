"""Rows and columns: what every reader yields, and the error for a column that is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from goldilocks.errors import InputError
from goldilocks.support.suggest import suggest

Cells = list[Any] | str
"""Cells of a row in the order of the columns asked for, or what is wrong with the row."""
Rows = Iterator[tuple[int, Cells]]
"""Row numbers from 1, and cells."""


def require_columns(path: Path, columns: Sequence[str], there: Sequence[str]) -> None:
    """Refuse a file that lacks a column."""
    for column in columns:
        if column not in there:
            hint = suggest(column, there)
            if len(there) == 1 and any(mark in there[0] for mark in ";\t|"):
                hint = " The cells seem to be separated by another character; use commas in .csv, tabs in .tsv."
            raise InputError(
                f"{path.name}: there is no column {column!r}.{hint} There are: {', '.join(map(repr, there))}. "
                "Name the columns in the task file under data.fields, or pass the file with a header."
            )
        if there.count(column) > 1:
            raise InputError(
                f"{path.name}: the column {column!r} is there {there.count(column)} times; rename all but one."
            )
