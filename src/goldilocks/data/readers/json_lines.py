"""JSON Lines: one object per line; a row has the number of its line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from goldilocks.data.readers.columns import Rows, cell_of, has_column, require_columns
from goldilocks.data.readers.encodings import marked_encoding
from goldilocks.data.readers.json_document import Record, broken, loads
from goldilocks.data.readers.text_file import first_bytes, lines_of

NAMED_BY = 100
"""Objects whose keys are the columns of a file."""
_DOCUMENT = re.compile(r"\ufeff?\s*(?:\[\s*[\[{]|\{\s*\"classes\"\s*:\s*\[)")
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
            row = loads(line.removeprefix("\ufeff"))  # of the second of two files that were joined
        except (ValueError, RecursionError) as error:
            yield number, "NUL byte" if "\x00" in line else broken(error)
            continue
        if convert is not None:
            yield number, convert(row)
        else:
            yield number, row if isinstance(row, dict) else "not a JSON object"


def first_values(path: Path) -> Iterator[Any]:
    """What the first lines that are not empty hold, as far as that is JSON."""
    for line in islice((line for line in lines_of(path) if not line.isspace()), NAMED_BY):
        with suppress(ValueError, RecursionError):
            yield json.loads(line)


def holds_a_document(path: Path) -> bool:
    """Whether the file is one JSON document under the name of JSON Lines: a list of rows, or NER Annotator's."""
    start = first_bytes(path)
    return _DOCUMENT.match(start.decode(marked_encoding(start) or "utf-8", errors="ignore")) is not None


def holds_lines(path: Path) -> bool:
    """Whether the file is JSON Lines under the name of a document: its first two lines are objects of their own."""
    first = list(islice((line for line in lines_of(path) if not line.isspace()), 2))
    try:
        return len(first) == 2 and all(isinstance(json.loads(line), dict) for line in first)
    except (ValueError, RecursionError):
        return False


def holds_objects(path: Path) -> bool:
    """Whether the file is JSON Lines under the name of a table: its first lines are objects of their own.

    A cell of separated text may be an object too, but hardly a header.
    """
    first = list(islice((line for line in lines_of(path) if not line.isspace()), 2))
    try:
        return bool(first) and all(line.lstrip("\ufeff ").startswith("{") and json.loads(line) for line in first)
    except (ValueError, RecursionError):
        return False


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
