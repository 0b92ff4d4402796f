"""JSON Lines: one object per line; a row has the number of its line."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from goldilocks.data.readers.columns import Rows, cell_of, has_column, require_columns
from goldilocks.data.readers.json_document import Record, loads
from goldilocks.data.readers.text_file import lines_of

NAMED_BY = 100
"""Objects whose keys are the columns of a file."""
Convert = Callable[[Any], Record | str]


def objects(path: Path, convert: Convert | None = None) -> Iterator[tuple[int, Record | str]]:
    """Line numbers and objects, or what is wrong with a line.

    Args:
        path: The file.
        convert: From the object of an annotation tool to a plain one.
    """
    for number, line in enumerate(lines_of(path), start=1):
        if line.isspace():
            continue
        try:
            row = loads(line)
        except (ValueError, RecursionError) as error:
            yield number, "NUL byte" if "\x00" in line else f"broken JSON ({str(error).split(':')[0]})"
            continue
        row = convert(row) if convert is not None else row
        yield number, row if isinstance(row, dict | str) and not isinstance(row, str) else _problem(row)


def _problem(row: Any) -> str:
    return row if isinstance(row, str) else "not a JSON object"


def first_value(path: Path) -> Any:
    """What the first line that is not empty holds; ``None`` where that is no JSON."""
    line = next((line for line in lines_of(path) if not line.isspace()), "null")
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def holds_a_list(path: Path) -> bool:
    """Whether the file is one list of objects, a JSON document under the name of JSON Lines."""
    start = ""
    for line in lines_of(path):
        start += "".join(line.split())
        if len(start) > 1:
            break
    return start.startswith("[{")


def names_in(path: Path, convert: Convert | None = None) -> list[str]:
    """Keys of the first objects, in the order of the file."""
    rows = (row for _, row in islice(objects(path, convert), NAMED_BY) if isinstance(row, dict))
    return list(dict.fromkeys(key for row in rows for key in row))


def json_line_rows(
    path: Path, columns: Sequence[str], optional: Collection[str], convert: Convert | None = None
) -> Rows:
    """Rows of a .jsonl, numbered by line.

    Raises:
        InputError: a column is in no row.
    """
    seen: set[str] = set()
    first: list[str] | None = None
    for number, row in objects(path, convert):
        if not isinstance(row, dict):
            yield number, row
            continue
        if first is None:
            first = list(row)
        if len(seen) < len(columns):
            seen.update(column for column in columns if has_column(column, row))
        yield number, [cell_of(row, column) for column in columns]
    if first is not None:
        require_columns(path, [column for column in columns if column not in seen], first, optional)
