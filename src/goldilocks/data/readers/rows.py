"""Rows of one file, whatever its format, numbered as a person finds them.

Each reader yields ``(row number, cells)`` with the cells in the order of the columns asked for, or ``(row number, what
is wrong with the row)``. Rows are numbered from 1; a CSV's header is not counted, a JSON Lines row is its line. What
makes the whole file unreadable (the encoding, a missing column, a quote that is never closed) is raised.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from goldilocks.data.readers import conll
from goldilocks.data.readers.columns import Rows
from goldilocks.data.readers.delimited import delimited_rows
from goldilocks.data.readers.json_document import json_rows
from goldilocks.data.readers.json_lines import json_line_rows
from goldilocks.data.readers.parquet import parquet_rows
from goldilocks.data.readers.text_file import lines_of, suffix_of
from goldilocks.errors import InputError

FORMATS = (".jsonl", ".json", ".csv", ".tsv", ".parquet", *conll.SUFFIXES)


def rows_of(
    path: Path, columns: Sequence[str], *, plain: bool = False, optional: Collection[str] = frozenset(), kind: str = ""
) -> Rows:
    """Rows of a .jsonl, .json, .csv, .tsv or .parquet file, each also with .gz.

    Args:
        path: The file.
        columns: Names of the columns wanted.
        plain: Quotes in a .csv or .tsv are plain characters; see ``plain_quotes``.
        optional: Columns that may be missing; their cells are then ``None``.
        kind: The suffix to read it as; empty: its own.

    Raises:
        InputError: another suffix, a missing column, not UTF-8, damaged compression or quoting.
    """
    kind = kind or format_of(path)
    if kind == ".jsonl":
        yield from json_line_rows(path, columns, optional)
    elif kind == ".json":
        yield from json_rows(path, columns, optional)
    elif kind == ".parquet":
        yield from parquet_rows(path, columns, optional)
    elif kind in conll.SUFFIXES:
        yield from conll.rows_of(path, lines_of(path), columns, optional)
    else:
        yield from delimited_rows(path, columns, "," if kind == ".csv" else "\t", plain, optional)


def format_of(path: Path) -> str:
    """``.jsonl``, ``.json``, ``.csv``, ``.tsv`` or ``.parquet``, with or without .gz behind it.

    Raises:
        InputError: another suffix.
    """
    suffix = suffix_of(path)
    if suffix not in FORMATS:
        raise InputError(
            f"{path.name}: rows are read from {' '.join(FORMATS)} (each also .gz) or a folder of label folders; "
            "convert the file, or rename it if it is one of these."
        )
    return suffix
