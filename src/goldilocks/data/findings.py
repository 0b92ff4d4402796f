"""Findings: how they are made, and how rows and names are listed in their messages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from goldilocks.records import Finding, Part, Severity

SHOWN = 20
"""Row numbers a finding carries."""


def rows_in_words(rows: Sequence[int], shown: int = 5) -> str:
    """``row 3`` or ``rows 3, 4, 9`` or ``rows 1, 2, 3, 4, 5 and 17 more``; each number once."""
    rows = list(dict.fromkeys(rows))
    named = ", ".join(map(str, rows[:shown]))
    more = f" and {len(rows) - shown:,} more" if len(rows) > shown else ""
    return f"row{'s' if len(rows) > 1 else ''} {named}{more}"


def finding(
    code: str, severity: Severity, message: str, meaning: str, *, part: str, rows: Sequence[int], count: int = -1
) -> Finding:
    """A finding about ``rows`` (``count`` of them, where not all are passed)."""
    return Finding(code, severity, message, meaning, part, len(rows) if count < 0 else count, tuple(rows[:SHOWN]))


def row_numbers(part: Part, places: np.ndarray[tuple[int, ...], np.dtype[np.intp]]) -> list[int]:
    """Row numbers at these positions, each once: the turns of a dialogue share one."""
    return list(dict.fromkeys(part.rows[place] for place in places.tolist()))


def plural_s(rows: Sequence[int]) -> str:
    """The plural's s, unless there is one row."""
    return "" if len(rows) == 1 else "s"


def counted(n: int, name: str) -> str:
    """``1 row``, ``1,234 rows``."""
    return f"{n:,} {name}{'' if n == 1 else 's'}"


def some_of(names: Sequence[str], shown: int = 5) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(map(repr, names[:shown])) + more
