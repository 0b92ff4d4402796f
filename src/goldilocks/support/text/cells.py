"""Validation messages and parsing of single table cells, shared by the tasks."""

from __future__ import annotations

import ast
import json
import re
from math import isfinite
from typing import Any

MAX_NUMBER = 1e12
"""Largest number, below 0 or above: squares and sums of it are still numbers."""
# Signs that are drawn as nothing: joiners and marks of direction, soft hyphens, blanks of Braille and Hangul.
_UNSEEN = re.compile(
    r"[\s\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff]*"
)


_MAX_LITERAL = 1_000_000
"""Characters of a cell from which it is no longer tried as a literal of Python."""
_LISTED = re.compile(r"\s*(?:array\(|Index\(|(?:frozen)?set\()?[\[({]")
_PIECES = re.compile(
    r"""(?P<passed>\s+|(?:np\.\w+|array|Index|(?:frozen)?set)(?=\()|,\s*dtype=[^)\s]+)"""
    r"""|(?P<opening>[\[({])|(?P<closing>[\])}])|(?P<joint>[,:])"""
    r"""|(?P<value>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s\[\](){}:,'"]+)""",
    re.DOTALL,
)


def empty(cell: Any) -> bool:
    """Whether there is nothing in the cell: no value, NaN, or only white space."""
    return cell is None or cell != cell or (isinstance(cell, str) and not cell.strip())


def text_problem(role: str, cell: Any) -> str | None:
    r"""Why ``cell`` cannot be used as a text; ``None`` if it can.

    Example:
        >>> text_problem("text", 3)
        'text is a int, not text'
        >>> text_problem("target", "\u200b \ufeff")
        'target is empty'
    """
    if isinstance(cell, str) and _UNSEEN.fullmatch(cell):
        return f"{role} is empty"
    return word_problem(role, cell)


def word_problem(role: str, cell: Any) -> str | None:
    """As ``text_problem``; but a sign that is drawn as nothing is a word: texts cut into words have such."""
    if empty(cell):
        return f"{role} is empty"
    if not isinstance(cell, str):
        return f"{role} is a {type(cell).__name__}, not text"
    return _sign_problem(role, cell)


def _sign_problem(role: str, text: str) -> str | None:
    """What of it no file can hold, or no tokenizer read."""
    if "\x00" in text:
        return f"{role} holds a NUL byte"
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            return f"{role} holds half a character (a lone surrogate)"
    return None


NO_LABEL = "(no label)"
"""Placeholder for the label of an item without an answer: it is not a label, so it counts as wrong in every metric."""


def label_problem(role: str, cell: Any) -> str | None:
    """Why ``cell`` cannot be used as a label; ``None`` if it can."""
    if cell != cell or (isinstance(cell, str) and cell.strip().lower() == "nan"):
        return f"{role} is NaN"
    if empty(cell):
        return f"{role} is empty"
    if isinstance(cell, float) and not isfinite(cell):
        return f"{role} is {cell}, not a finite number"
    if isinstance(cell, list) and not cell:
        return f"{role} is empty"
    if isinstance(cell, list | dict):
        return f"{role} is a {type(cell).__name__}, not a single value"
    if str(cell).strip() == NO_LABEL:
        return f"{role} is {NO_LABEL!r}, which stands for an item without an answer; call it otherwise"
    return _sign_problem(role, str(cell))


def single_label_problem(role: str, cell: Any) -> str | None:
    """As ``label_problem``; and a list or an object that a table has as text is no label either.

    Example:
        >>> single_label_problem("label", "['a', 'b']"), single_label_problem("label", "[deleted]")
        ('label is a list, not a single value', None)
    """
    if isinstance(cell, str) and _LISTED.match(cell) and (spelt := value_of(cell)) is not None:
        return f"{role} is a {type(spelt).__name__}, not a single value"
    return label_problem(role, cell)


def label_of(cell: Any) -> str:
    """The label in a cell, without the space around it.

    Example: a column of whole numbers with one gap comes back from pandas as floats; 1.0 is the label 1 elsewhere.
        >>> label_of(1.0), label_of(" spam ")
        ('1', 'spam')
    """
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()


def number_problem(role: str, cell: Any) -> str | None:
    """Why ``cell`` cannot be used as a number; ``None`` if it can.

    Example:
        >>> number_problem("score", "3 to 4"), number_problem("score", "3.5")
        ("score is '3 to 4', not a number", None)
    """
    if isinstance(cell, float) and cell != cell:
        return f"{role} is NaN"
    if empty(cell):
        return f"{role} is empty"
    if isinstance(cell, bool) or not isinstance(cell, int | float | str):
        return f"{role} is a {type(cell).__name__}, not a number"
    try:
        number = float(cell)
    except (ValueError, OverflowError):
        return f"{role} is {shortened(cell)!r}, not a number"
    if not isfinite(number):
        return f"{role} is {cell}, not a finite number"
    if abs(number) > MAX_NUMBER:
        return f"{role} is {number:g}; numbers are read up to {MAX_NUMBER:g}, so write it on another scale"
    return None


def list_of(cell: Any) -> list[Any] | None:
    """A cell as a list: one already, or the text of one (in a .csv or .tsv); ``None`` where it is neither.

    The text is JSON, or what Python or NumPy print: data frames with lists are saved so.

    Example:
        >>> list_of('["a", "b"]'), list_of("['a', 'b']"), list_of("['a' 'b']"), list_of("[1 2]"), list_of("a, b")
        (['a', 'b'], ['a', 'b'], ['a', 'b'], [1, 2], None)
    """
    if isinstance(cell, list | tuple):
        return list(cell)
    parsed = value_of(cell) if isinstance(cell, str) and _LISTED.match(cell) else None
    return parsed if isinstance(parsed, list) else None


def value_of(cell: str) -> Any:
    """The list or object that a text spells, in JSON, Python's form or NumPy's; ``None`` where it spells none.

    Example:
        >>> value_of("{'text': ['Rome'], 'answer_start': array([3], dtype=int32)}")
        {'text': ['Rome'], 'answer_start': [3]}
        >>> value_of("[deleted]") is None
        True
    """
    try:
        parsed = json.loads(cell)
    except (ValueError, RecursionError):
        try:
            parsed = _as_lists(ast.literal_eval(_with_commas(cell)))
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            return None
    return parsed if isinstance(parsed, list | dict) else None


def _with_commas(cell: str) -> str:
    """A literal of Python; NumPy prints lists without commas, and names its types.

    Raises:
        ValueError: it is too long, or has a quote that is not closed.
    """
    pieces = list(_PIECES.finditer(cell))
    if len(cell) > _MAX_LITERAL or sum(len(piece[0]) for piece in pieces) != len(cell):
        raise ValueError("no literal")
    parts: list[str] = []
    behind_value = False
    for piece in pieces:
        if piece.lastgroup == "passed":
            continue
        if behind_value and piece.lastgroup in ("opening", "value"):
            parts.append(",")
        parts.append(piece[0])
        behind_value = piece.lastgroup in ("closing", "value")
    return "".join(parts)


def _as_lists(value: Any) -> Any:
    """Tuples and sets as lists, as JSON has them.

    Raises:
        TypeError: NumPy left values out, or there is a type that JSON lacks.
    """
    if isinstance(value, list | tuple):
        return [_as_lists(element) for element in value]
    if isinstance(value, set):
        return sorted(_as_lists(element) for element in value)
    if isinstance(value, dict):
        return {key: _as_lists(element) for key, element in value.items()}
    if not isinstance(value, str | int | float | bool | None):
        raise TypeError(f"a {type(value).__name__}")
    return value


def shortened(cell: Any, limit: int = 40) -> str:
    """A cell as an error message shows it: its first characters."""
    text = str(cell)
    return text if len(text) <= limit else text[: limit - 1] + "…"
