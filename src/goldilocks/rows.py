"""From user input to model items: rows with named cells, and texts without names.

Labelled rows are read in ``data/read.py``, with the same columns, checked by the same task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from goldilocks.errors import InputError
from goldilocks.protocols import RanksKnownReplies, Task
from goldilocks.records import Output, Text
from goldilocks.support.text.iob2 import listed


def item_of(row: Mapping[str, Any], task: Task, columns: Mapping[str, str]) -> Text:
    """The model's input from a row; a label in it is ignored.

    Args:
        row: Column -> cell.
        task: Defines the input columns and what is wrong with a row.
        columns: Role -> column; a role whose column the row lacks is left out.

    Raises:
        InputError: the task finds something wrong with it.
    """
    named = {role: row[column] for role, column in columns.items() if column in row}
    wrong = task.item_problem(named)
    if wrong is None:
        raw = next(iter(named.values()))
        # The bundle cuts a raw text into words, as those were cut that its model learnt from.
        return raw if task.OUTPUT is Output.TAGS and isinstance(listed(raw), str) else task.item(named)
    if len(named) == len(columns):
        raise InputError(wrong)
    names = ", ".join(map(repr, row)) or "nothing"
    raise InputError(f"{wrong}; the row has {names}, this task takes {', '.join(map(repr, columns.values()))}")


def named(texts: str | Sequence[str], task: Task) -> dict[str, Any]:
    """Texts without names, as a row: role -> cell; see ``Task.LINE``.

    Args:
        texts: One text, or several in the order of ``LINE``.
        task: Says which role each has.

    Raises:
        InputError: there are too few or too many.
    """
    roles = [role.rstrip("+*") for role in task.LINE]
    if isinstance(texts, str) and len(roles) == 1:
        return {roles[0]: texts}
    cells: list[Any] = [texts] if isinstance(texts, str) else list(texts)
    known = task.KNOWN if isinstance(task, RanksKnownReplies) else ""
    fewest = len(roles) - sum(role.endswith("*") or role.rstrip("+") == known for role in task.LINE)
    several = next((place for place, role in enumerate(task.LINE) if role != roles[place]), None)
    if len(cells) < fewest or (several is None and len(cells) > fewest):
        expected = ", ".join(f"{role}, ..." if role in several_of(task) else role for role in roles)
        raise InputError(
            f"{len(cells)} text{'' if len(cells) == 1 else 's'}; this task takes {expected}: "
            "separate them by tabs (in Python pass a tuple), or name them in a JSON object"
        )
    if several is not None:
        behind = len(cells) - (len(roles) - several - 1)
        cells[several:behind] = [cells[several:behind]]
    return {role: cell for role, cell in zip(roles, cells, strict=True) if cell != []}


def of_line(line: str, task: Task) -> dict[str, Any]:
    """A line of text as a row: role -> cell. It is parted at tabs where the task needs several texts.

    Raises:
        InputError: there are too few or too many.
    """
    parted = any(role.endswith("+") for role in task.LINE) or (len(task.LINE) > 1 and not several_of(task))
    try:
        return named(line.split("\t") if parted else line, task)
    except InputError as error:
        raise InputError(f"{error}; JSON objects are read with --jsonl, or from a .jsonl file") from error


def several_of(task: Task) -> list[str]:
    """The role of ``LINE`` that takes several texts, if there is one."""
    return [role.rstrip("+*") for role in task.LINE if role[-1] in "+*"]
