"""Parquet files, batch by batch."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from goldilocks.data.readers.columns import Rows, cell_of, has_column, plain_cell, require_columns
from goldilocks.data.readers.text_file import is_gzip, opened
from goldilocks.errors import InputError

if TYPE_CHECKING:
    import pyarrow.parquet as pq

BATCH_ROWS = 10_000


@contextmanager
def parquet_file(path: Path) -> Iterator[pq.ParquetFile]:
    """A Parquet file, opened.

    Raises:
        InputError: it is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with opened(path) as raw:
        # Parquet is read from its end: what is compressed as a whole has to be in memory.
        content = io.BytesIO(raw.read()) if is_gzip(path) else raw
        try:
            yield pq.ParquetFile(content)
        except InputError:
            raise
        except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
            raise InputError(
                f"{path.name}: not readable as Parquet ({str(error).splitlines()[0]}); write it again."
            ) from error


def names_in(path: Path) -> list[str]:
    """Names of the columns."""
    if path.stat().st_size == 0:
        return []
    with parquet_file(path) as file:
        return list(file.schema_arrow.names)


def parquet_rows(path: Path, columns: Sequence[str], optional: Collection[str]) -> Rows:
    """Rows of a .parquet, numbered from 1.

    Raises:
        InputError: it is damaged or lacks a column.
    """
    if path.stat().st_size == 0:
        return
    with parquet_file(path) as file:
        names = list(file.schema_arrow.names)
        require_columns(path, columns, names, optional)
        available = [column for column in columns if has_column(column, names)]
        tops = list(dict.fromkeys(column if column in names else column.split(".")[0] for column in available))
        number = 0
        for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=tops):
            for row in zip(*(batch.column(name).to_pylist() for name in tops), strict=True):
                number += 1
                named = {name: plain_cell(cell) for name, cell in zip(tops, row, strict=True)}
                yield number, [cell_of(named, column) for column in columns]
