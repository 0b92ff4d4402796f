"""Splitting by time: the newest rows are set aside, so that a score is about what comes after the training data.

Cells are ISO 8601 (``2024-12-31``, ``2024-12-31T18:30+01:00``, ``2024/12/31``), e-mail dates, dates with the name of
the month, or numbers (years, Unix seconds). Forms such as ``3/4/2024``, which mean two days, are refused. Times without
a zone are taken as UTC.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from goldilocks.data.findings import finding, rows_in_words
from goldilocks.errors import InputError
from goldilocks.records import Finding, Part, Severity
from goldilocks.support.text.cells import shortened

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer[Any]]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAMED_MONTH = ("%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%a %b %d %H:%M:%S %z %Y", "%d-%b-%Y")


def moment(cell: str) -> tuple[str, float] | None:
    """``("number", value)`` or ``("time", seconds since 1970)``; ``None`` where a cell is neither.

    Example:
        >>> moment("1970-01-02"), moment("2024"), moment("3/4/2024")
        (('time', 86400.0), ('number', 2024.0), None)
    """
    text = cell.strip()
    try:
        number = float(text)
    except ValueError:
        pass
    else:
        return ("number", number) if math.isfinite(number) else None
    time = _iso(text) or _named_month(text) or _email(text)
    if time is None:
        return None
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return "time", (aware - _EPOCH).total_seconds()


def _iso(text: str) -> datetime | None:
    spelled = re.sub(r"^(\d{4})[/.](\d{1,2})[/.](\d{1,2})", lambda m: f"{m[1]}-{m[2]:0>2}-{m[3]:0>2}", text)
    spelled = re.sub(r"\s+(?=[+-]\d\d:?\d\d$)|\s+UTC$", lambda m: "Z" if "UTC" in m[0] else "", spelled)
    try:
        return datetime.fromisoformat(spelled)
    except ValueError:
        return None


def _named_month(text: str) -> datetime | None:
    for form in _NAMED_MONTH:
        try:
            return datetime.strptime(text, form)
        except ValueError:
            continue
    return None


def _email(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text) if re.match(r"[A-Za-z]{3},", text) else None
    except (ValueError, IndexError, TypeError):
        return None


def moments(part: Part, column: str, source: str) -> Floats:
    """The time of each row, shape ``(n_rows,)``.

    Raises:
        InputError: a cell is not a time, or some are numbers and others dates; the rows are named.
    """
    cells = part.attributes[column] if len(part) else ()
    known = {cell: moment(cell) for cell in set(cells)}
    wrong = [place for place, cell in enumerate(cells) if known[cell] is None]
    if wrong:
        rows = [part.rows[place] for place in wrong]
        shown = shortened(cells[wrong[0]])
        value = f"{shown!r}, which is not a date" if shown else "nothing"
        raise InputError(
            f"{source}: {column!r} (data.time) holds {value} ({rows_in_words(rows)}); write ISO 8601, such as "
            "2024-12-31 or 2024-12-31T18:30, or a number."
        )
    kinds = {pair[0] for pair in known.values() if pair}
    if len(kinds) > 1:
        raise InputError(f"{source}: {column!r} (data.time) mixes dates and numbers; write all of them as ISO 8601.")
    return np.array([pair[1] for pair in map(known.__getitem__, cells) if pair], dtype=np.float64)


def newest(times: Floats, units: Ints | None, wanted: int) -> tuple[list[int], list[int]]:
    """Positions that stay and positions of the newest rows, about ``wanted`` of them, each in ascending order.

    Rows of one time are in one part; so are rows of one unit, by the newest of them. Nothing is set aside where all
    rows have one time.

    Args:
        times: Time of each row, ``(n_rows,)``.
        units: What rows belong to (a group, a dialogue), ``(n_rows,)``; ``None``: each is a group of its own.
        wanted: Rows to set aside.

    Example:
        >>> newest(np.array([3.0, 1.0, 2.0, 3.0]), None, 1)
        ([1, 2], [0, 3])
    """
    if units is not None and len(units):
        _, inverse = np.unique(units, return_inverse=True)
        latest = np.full(inverse.max() + 1, -np.inf)
        np.maximum.at(latest, inverse, times)
        times = latest[inverse]
    values, counts = np.unique(times, return_counts=True)
    behind = np.cumsum(counts[::-1])[::-1][1:]  # rows from each value on, but for the oldest
    if not len(behind):
        return list(range(len(times))), []
    cut = values[1:][int(np.argmin(np.abs(behind - max(wanted, 1))))]
    return np.flatnonzero(times < cut).tolist(), np.flatnonzero(times >= cut).tolist()


def overlap(parts: Mapping[str, Part], column: str, sources: Mapping[str, str]) -> list[Finding]:
    """Training rows that are newer than the oldest row of a part they should precede."""
    findings: list[Finding] = []
    times = {name: moments(part, column, sources.get(name, sources["train"])) for name, part in parts.items()}
    for name in ("validation", "test"):
        if not len(times[name]):
            continue
        late = np.flatnonzero(times["train"] >= times[name].min())
        if len(late):
            rows = [parts["train"].rows[place] for place in late.tolist()]
            findings.append(
                finding(
                    "later_training_rows",
                    Severity.WARNING,
                    f"{len(rows):,} of {len(parts['train']):,} rows of train are not older than the oldest of {name} "
                    f"({rows_in_words(rows)})",
                    "The score is then not about the time after training; leave the split to Goldilocks, or give parts "
                    "that follow one another.",
                    part="train",
                    rows=rows,
                )
            )
    return findings


def spelled(times: Floats, cells: Sequence[str]) -> tuple[str, str]:
    """The cells of the oldest and of the newest row."""
    return cells[int(np.argmin(times))], cells[int(np.argmax(times))]
