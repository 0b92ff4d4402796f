"""The other columns of a row, kept with its text and gold answer: for groups, times, slices.

What is kept is bounded: at most ``MAX_COLUMNS`` columns, the first of the file, and of these only columns all of whose
cells are single values of at most ``MAX_CHARACTERS`` characters; a column with a longer cell is text, and is left out.
Columns that the task file names (``data.time``, ``data.group``) are kept whatever they hold.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from goldilocks.support.text.cells import empty, label_of

MAX_COLUMNS = 20
MAX_CHARACTERS = 64
PREFIX = "attribute:"
"""Stands before the name of such a column among the roles of a row."""


def attribute_columns(names: Sequence[str], used: Collection[str], named: Sequence[str]) -> list[str]:
    """The columns to keep: those that are named, and the first of the file that have no role.

    Args:
        names: Columns of the file.
        used: Columns that have a role.
        named: Columns of the file or not that the task file names.
    """
    others = [name for name in names if name and name not in used and name not in named and names.count(name) == 1]
    return [*dict.fromkeys(named), *others[:MAX_COLUMNS]]


class Attributes:
    """Columns being collected, row by row; each distinct cell is held once."""

    def __init__(self, named: Collection[str]) -> None:
        self._named = named
        self._columns: dict[str, list[str]] | None = None
        self._known: dict[str, str] = {}

    def add(self, row: Mapping[str, Any]) -> None:
        """Add the attributes of a usable row (role -> cell)."""
        cells = {role.removeprefix(PREFIX): cell for role, cell in row.items() if role.startswith(PREFIX)}
        if self._columns is None:
            self._columns = {name: [] for name in cells}
        for name, cell in cells.items():
            column = self._columns.get(name)
            if column is None:
                continue
            if name not in self._named and not _short(cell):
                del self._columns[name]
                continue
            text = "" if empty(cell) else label_of(cell)
            column.append(self._known.setdefault(text, text))

    def columns(self) -> dict[str, tuple[str, ...]]:
        """Name -> cell of each row; empty where a row has none."""
        return {name: tuple(cells) for name, cells in (self._columns or {}).items()}


def _short(cell: Any) -> bool:
    return cell is None or (not isinstance(cell, list | dict) and len(str(cell)) <= MAX_CHARACTERS)
