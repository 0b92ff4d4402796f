"""Rows and columns: what every reader yields, nested columns, and the error for a column that is missing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from goldilocks.errors import InputError
from goldilocks.support.suggest import suggest
from goldilocks.support.text.cells import shortened

Cells = list[Any] | str
"""Cells of a row in the order of the columns asked for, or what is wrong with the row."""
Rows = Iterator[tuple[int, Cells]]
"""Row numbers from 1, and cells."""
MAX_SHOWN = 30
"""Names of columns that a message lists."""


class Skipped(str):
    """In place of cells: why a row is left out on purpose, such as an annotation that was rejected."""

    row: Mapping[str, Any] | None = None
    """The row all the same, for those who need no gold answer."""


def require_columns(
    path: Path, columns: Sequence[str], there: Sequence[str], optional: Collection[str] = frozenset()
) -> None:
    """Refuse a file that lacks a column, or has one twice.

    Args:
        path: The file, for the message.
        columns: Names wanted; ``a.b`` is the key ``b`` of the objects in the column ``a``.
        there: Names of the file's columns.
        optional: Those of ``columns`` that may be missing.

    Raises:
        InputError: it lacks one.
    """
    for column in columns:
        if not has_column(column, there):
            if column in optional:
                continue
            hint = suggest(column, there)
            if len(there) == 1 and any(mark in there[0] for mark in ",;\t|，；、:"):
                hint = " The cells seem to be separated by another character; use commas in .csv, tabs in .tsv."
            raise InputError(
                f"{path.name}: there is no column {column!r}.{hint} There are: {_shown(there)}. "
                "Name the columns (--field, or data.fields in the task file; in Python text= and target=), or pass the "
                "file with a header."
            )
        if there.count(column) > 1:
            raise InputError(
                f"{path.name}: the column {column!r} occurs {there.count(column)} times; rename all but one."
            )


def _shown(names: Sequence[str]) -> str:
    """Names of columns, as many and as much of each as a line has room for."""
    shown = ", ".join(repr(shortened(name)) for name in names[:MAX_SHOWN])
    return shown if len(names) <= MAX_SHOWN else f"{shown} and {len(names) - MAX_SHOWN:,} more"


def has_column(column: str, there: Collection[str]) -> bool:
    """Whether there is a column of this name, or one that it names a key of."""
    return column in there or ("." in column and column.split(".")[0] in there)


def cell_of(row: Mapping[str, Any], column: str) -> Any:
    """The cell of a column; of ``a.b`` the value of the key ``b`` in the object of ``a``; ``None`` where there is none.

    Example:
        >>> cell_of({"translation": {"en": "yes"}}, "translation.en"), cell_of({"a": 1}, "b")
        ('yes', None)
    """
    if column in row or "." not in column:
        return row.get(column)
    cell: Any = row
    for key in column.split("."):
        cell = cell.get(key) if isinstance(cell, Mapping) else None
    return cell


def plain_cell(cell: Any) -> Any:
    """A cell as JSON would have it: exact decimals are numbers, times are text, bytes in UTF-8 are text.

    Example:
        >>> plain_cell(Decimal("2.50")), plain_cell(Decimal("3")), plain_cell(b"text")
        (2.5, 3, 'text')
    """
    if cell is None or isinstance(cell, str | int | float):
        return cell
    if isinstance(cell, Decimal):
        return float(cell) if not cell.is_finite() or cell != cell.to_integral_value() else int(cell)
    if isinstance(cell, bytes):
        try:
            return cell.decode("utf-8")
        except UnicodeDecodeError:
            return cell
    if isinstance(cell, list | tuple):
        return [plain_cell(value) for value in cell]
    if isinstance(cell, dict):
        return {key: plain_cell(value) for key, value in cell.items()}
    return cell.isoformat() if hasattr(cell, "isoformat") else cell
