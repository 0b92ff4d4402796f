"""Cells that hold several texts: further references of a target, and the turns of a dialogue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from goldilocks.support.text.cells import empty, list_of, text_problem

MESSAGE = ("text", "content", "value")
"""Keys under which a message has its text."""


def references_problem(cell: Any) -> str | None:
    """Why a cell cannot be used as further references; ``None`` where it can, or holds nothing.

    Example:
        >>> references_problem(["right", ""]), references_problem(None)
        ('reference 2 is empty', None)
    """
    return None if empty(cell) else _list_problem("references", "reference", cell)


def all_references(target: str, cell: Any) -> str | tuple[str, ...]:
    """The target first, then the other references; the target alone where there are none.

    Example:
        >>> all_references("a", ["b", "a"]), all_references("a", None)
        (('a', 'b'), 'a')
    """
    others = [] if empty(cell) else [str(reference) for reference in list_of(cell) or []]
    references = tuple(dict.fromkeys((target, *others)))
    return references if len(references) > 1 else target


def utterance(turn: Any) -> Any:
    """The text of a turn, which is one or a message: ``{"text"}``, ``{"content"}`` or ShareGPT's ``{"value"}``.

    Example:
        >>> utterance("hi"), utterance({"role": "user", "content": "hi"}), utterance({"from": "human", "value": "hi"})
        ('hi', 'hi', 'hi')
    """
    return next((turn[key] for key in MESSAGE if key in turn), turn) if isinstance(turn, dict) else turn


def turns_problem(role: str, cell: Any) -> str | None:
    """Why a cell cannot be used as turns (one text, or a list of texts or messages); ``None`` where it can."""
    tests = None if empty(cell) else list_of(cell)
    if tests is None:
        return text_problem(role, cell)
    return f"{role} is empty" if not tests else _list_problem(role, f"turn of {role}", list(map(utterance, tests)))


def turns_of(cell: Any) -> tuple[str, ...]:
    """The turns in a cell without problems."""
    values = list_of(cell)
    return (str(cell),) if values is None else tuple(str(utterance(turn)) for turn in values)


def so_far(row: Mapping[str, Any]) -> Any:
    """The cell with the turns that a reply follows: the context or, where there is none, an open dialogue.

    Example:
        >>> so_far({"context": "hi", "turns": None}), so_far({"turns": ["hi", "hello"]})
        ('hi', ['hi', 'hello'])
    """
    context = row.get("context")
    return row.get("turns") if empty(context) and not empty(row.get("turns")) else context


def so_far_problem(row: Mapping[str, Any]) -> str | None:
    """Why the turns that a reply follows cannot be used; ``None`` where they can."""
    cell = so_far(row)
    return turns_problem("context" if cell is row.get("context") else "turns", cell)


def _list_problem(role: str, each: str, cell: Any) -> str | None:
    values = list_of(cell)
    if values is None:
        return f"{role} is a {type(cell).__name__}, not a list of texts"
    wrong = (text_problem(f"{each} {number}", text) for number, text in enumerate(values, start=1))
    return next(filter(None, wrong), None)
