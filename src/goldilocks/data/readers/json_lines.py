"""JSON Lines: one object per line; a row has the number of its line."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path

from goldilocks.data.readers.columns import Rows, require_columns
from goldilocks.data.readers.text_file import lines_of


def json_line_rows(path: Path, columns: Sequence[str], optional: Collection[str]) -> Rows:
    """Rows of a .jsonl, numbered by line.

    Raises:
        InputError: a column is in no row, or the file is not UTF-8.
    """
    seen: set[str] = set()
    first: list[str] | None = None
    number = 0
    for number, line in enumerate(lines_of(path), start=1):
        if line.isspace():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield number, "NUL byte" if "\x00" in line else f"broken JSON ({str(error).split(':')[0]})"
            continue
        if not isinstance(row, dict):
            yield number, "not a JSON object"
            continue
        if first is None:
            first = list(row)
        if len(seen) < len(columns):
            seen.update(column for column in columns if column in row)
        yield number, [row.get(column) for column in columns]
    if first is not None:
        require_columns(path, [column for column in columns if column not in seen and column not in optional], first)
