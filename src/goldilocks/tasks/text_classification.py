"""One label for each text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from goldilocks.records import Output

OUTPUT = Output.LABEL
FIELDS = {"text": "the text", "label": "its label"}
METRICS = ("macro_f1", "accuracy", "weighted_f1")


def problem(row: Mapping[str, Any]) -> str | None:
    """What is wrong with one row, in words for the user; ``None`` when nothing is."""
    for role in FIELDS:
        cell = row.get(role)
        if cell is None or cell != cell:  # NaN is the one value that differs from itself
            return f"{role} is empty"
        if role == "text" and not isinstance(cell, str):
            return f"text is a {type(cell).__name__}, not text"
        if isinstance(cell, list | dict):
            return f"{role} is a {type(cell).__name__}, not a single value"
        if not str(cell).strip():
            return f"{role} is empty"
        if "\x00" in str(cell):
            return f"{role} holds a NUL byte"
    return None
