"""Rows from one file, whatever its format, with the number a person finds them by.

Each reader yields ``(row number, cells)`` with the cells in the order of the columns asked for, or ``(row number, what
is wrong with the row)``. Rows are numbered from 1; a CSV's header is not counted, a JSON Lines row is its line. What
makes the whole file unreadable (the encoding, a missing column, a quote that is never closed) is raised.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from goldilocks.data import conll, squad
from goldilocks.errors import InputError
from goldilocks.settings import nearest

if TYPE_CHECKING:
    import _csv

Cells = list[Any] | str
Rows = Iterator[tuple[int, Cells]]

FORMATS = (".jsonl", ".json", ".csv", ".tsv", ".parquet", *conll.SUFFIXES)
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


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
        yield from _jsonl(path, columns, optional)
    elif kind == ".json":
        yield from _json(path, columns, optional)
    elif kind == ".parquet":
        yield from _parquet(path, columns, optional)
    elif kind in conll.SUFFIXES:
        yield from conll.rows_of(path, lines_of(path), columns, optional)
    else:
        yield from _delimited(path, columns, "," if kind == ".csv" else "\t", plain, optional)


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


def suffix_of(path: Path) -> str:
    """The suffix in lower case; of a .gz the one before."""
    return (path.with_suffix("").suffix if path.suffix.lower() == ".gz" else path.suffix).lower()


def plain_quotes(path: Path) -> bool:
    """Whether the quotes of a .tsv are plain characters (as in GLUE): read as quoting they break rows apart or "
    "together.
    """
    width = 0
    try:
        for cells in _cells(path, "\t", plain=False):
            width = width or len(cells)
            if cells and len(cells) != width:
                return True
    except csv.Error:
        return True
    return False


@contextmanager
def opened(path: Path) -> Iterator[io.BufferedReader]:
    """The bytes of a file, those inside of a .gz.

    Raises:
        InputError: while it is open it shows that it may not be read, or that its compression is damaged.
    """
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            yield cast(io.BufferedReader, file)
    except EOFError as error:
        raise InputError(
            f"{path.name}: the compression is damaged, it ends in the middle; is it truncated? Copy the file again."
        ) from error
    except (zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"{path.name}: the compression is damaged ({error}); copy or compress the file again."
        ) from error
    except PermissionError as error:
        raise InputError(f"{path.name}: may not be read; give this user the right to (chmod u+r).") from error


def lines_of(path: Path) -> Iterator[str]:
    """Decoded lines with their ends; a byte order mark is dropped."""
    offset = 0
    with opened(path) as file:
        for number, raw in enumerate(file, start=1):
            if number == 1 and (encoding := utf16_of(raw)):
                raise InputError(f"{path.name}: looks like UTF-16, not UTF-8; convert it: {_iconv(path, encoding)}")
            try:
                line = raw.decode("utf-8")
            except UnicodeDecodeError as error:
                raise InputError(
                    f"{path.name}: line {number}: byte 0x{raw[error.start]:02x} at offset {offset + error.start} is "
                    f"not UTF-8; "
                    f"convert the file, for example: {_iconv(path, 'latin1')}"
                ) from error
            offset += len(raw)
            yield line.removeprefix("\ufeff") if number == 1 else line


def utf16_of(line: bytes) -> str:
    """The UTF-16 that a file is in, by its first line; empty: none."""
    if line.startswith(_UTF16):
        return "utf-16"
    # Without a mark it shows by the zero in every other byte of Latin letters.
    if 3 * line.count(0) < max(len(line), 3):
        return ""
    return "utf-16be" if line.startswith(b"\0") else "utf-16le"


def _iconv(path: Path, encoding: str) -> str:
    if path.suffix.lower() == ".gz":
        return f"gunzip -c {path.name} | iconv -f {encoding} -t utf-8 | gzip > new-{path.name}"
    return f"iconv -f {encoding} -t utf-8 {path.name} > new-{path.name}"


def _require(path: Path, columns: Sequence[str], there: Sequence[str]) -> None:
    """Refuse a file that lacks a column."""
    for column in columns:
        if column not in there:
            hint = nearest(column, list(there))
            if len(there) == 1 and any(mark in there[0] for mark in ";\t|"):
                hint = " The cells seem to be separated by another character; use commas in .csv, tabs in .tsv."
            raise InputError(
                f"{path.name}: there is no column {column!r}.{hint} There are: {', '.join(map(repr, there))}. "
                "Name the columns in the task file under data.fields, or pass the file with a header."
            )
        if there.count(column) > 1:
            raise InputError(
                f"{path.name}: the column {column!r} is there {there.count(column)} times; rename all but one."
            )


def _jsonl(path: Path, columns: Sequence[str], optional: Collection[str]) -> Rows:
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
        _require(path, [column for column in columns if column not in seen and column not in optional], first)


def _json(path: Path, columns: Sequence[str], optional: Collection[str]) -> Rows:
    found = squad.records(path.name, "".join(lines_of(path)))
    there = list(dict.fromkeys(key for one in found if isinstance(one, dict) for key in one))
    if there:
        _require(path, [column for column in columns if column in there or column not in optional], there)
    for number, one in enumerate(found, start=1):
        yield number, one if isinstance(one, str) else [one.get(column) for column in columns]


def _cells(path: Path, delimiter: str, *, plain: bool) -> _csv.Reader:
    csv.field_size_limit(2**31 - 1)  # the default refuses cells above 128 kB
    lines = lines_of(path)
    return csv.reader(lines, delimiter=delimiter, strict=True, quoting=csv.QUOTE_NONE if plain else csv.QUOTE_MINIMAL)


def _delimited(path: Path, columns: Sequence[str], delimiter: str, plain: bool, optional: Collection[str]) -> Rows:
    reader = _cells(path, delimiter, plain=plain)
    number, begins = 0, 1
    try:
        header = [cell.strip() for cell in next(reader, [])]
        if not header:
            return
        _require(path, [column for column in columns if column in header or column not in optional], header)
        places = [header.index(column) if column in header else None for column in columns]
        begins = reader.line_num + 1
        for cells in reader:
            begins = reader.line_num + 1
            if not cells:
                continue
            number += 1
            if len(cells) != len(header):
                yield number, f"{len(cells)} cells where the header has {len(header)}"
            else:
                yield number, [None if place is None else cells[place] for place in places]
    except csv.Error as error:
        what = "a quote is not closed or not doubled; write a quote inside a quoted cell twice"
        if "new-line" in str(error):
            what = "a carriage return outside quotes; save the file with the line ends of Unix or Windows"
        raise InputError(f"{path.name}: row {number + 1} (line {begins}): {what} ({error}).") from error


def _parquet(path: Path, columns: Sequence[str], optional: Collection[str]) -> Rows:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.stat().st_size == 0:
        return
    try:
        with opened(path) as raw:
            # Parquet is read from its end: what is compressed as a whole has to be in memory.
            file = pq.ParquetFile(io.BytesIO(raw.read()) if path.suffix.lower() == ".gz" else raw)
            names = list(file.schema_arrow.names)
            there = [column for column in columns if column in names or column not in optional]
            _require(path, there, names)
            number = 0
            for batch in file.iter_batches(batch_size=10_000, columns=there):
                nothing = [None] * batch.num_rows
                cells = [batch.column(column).to_pylist() if column in there else nothing for column in columns]
                for row in zip(*cells, strict=True):
                    number += 1
                    yield number, list(row)
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{path.name}: not readable as Parquet ({str(error).splitlines()[0]}); write it again."
        ) from error
