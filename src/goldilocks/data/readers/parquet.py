"""Parquet files, batch by batch."""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from pathlib import Path

from goldilocks.data.readers.columns import Rows, require_columns
from goldilocks.data.readers.text_file import opened
from goldilocks.errors import InputError


def parquet_rows(path: Path, columns: Sequence[str], optional: Collection[str]) -> Rows:
    """Rows of a .parquet, numbered from 1.

    Raises:
        InputError: it is damaged or lacks a column.
    """
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
            require_columns(path, there, names)
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
