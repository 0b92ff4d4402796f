"""The request log as one table, each item with the gold answer that came for it later."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from goldilocks.errors import InputError, MissingError
from goldilocks.serving.log_parquet import files_in, schema
from goldilocks.serving.log_rows import COLUMNS, FEEDBACK_COLUMNS

if TYPE_CHECKING:
    import pyarrow as pa

_KEY = ("request_id", "key_id", "item")


def read_log(path: Path) -> pa.Table:
    """The rows of a request log, in the order of their times.

    Args:
        path: As in ``log.path``: an SQLite file (``NAME.1``, the one before it, is included), or a folder of Parquet
            files.

    Returns:
        The columns of ``requests`` (``answer`` is JSON; ``time`` is in seconds since 1970), then ``gold`` (JSON) and
        ``gold_time``, which are null where no feedback came.

    Raises:
        MissingError: there is nothing at ``path``.
        InputError: it is not a request log.
    """
    if not path.exists():
        raise MissingError(f"{path}: there is no request log; pass the log.path of the service.")
    try:
        tables = _parquet(path) if path.is_dir() else _sqlite(path)
    except (sqlite3.Error, OSError, ValueError) as error:  # ArrowInvalid is a ValueError
        raise InputError(f"{path}: not a request log ({error}); pass the log.path of the service.") from error
    requests, feedback = (_latest(table) for table in tables)
    gold = feedback.rename_columns({"answer": "gold", "time": "gold_time"})
    joined = requests.join(gold, keys=list(_KEY), join_type="left outer")
    return joined.select([*COLUMNS, "gold", "gold_time"]).sort_by([("time", "ascending"), ("item", "ascending")])


def _parquet(folder: Path) -> list[pa.Table]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = []
    for kind, columns in (("requests", COLUMNS), ("feedback", FEEDBACK_COLUMNS)):
        files = [pq.ParquetFile(file.path).read() for file in files_in(folder, kind)]
        tables.append(pa.concat_tables([schema(columns).empty_table(), *files]))
    return tables


def _sqlite(path: Path) -> list[pa.Table]:
    import pyarrow as pa

    rows: dict[str, list[dict[str, object]]] = {"requests": [], "feedback": []}
    for file in (path.with_name(f"{path.name}.1"), path):
        if not file.exists():
            continue
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=5.0)) as database:
            database.row_factory = sqlite3.Row
            for table, kept in rows.items():
                kept += [dict(row) for row in database.execute(f"SELECT * FROM {table}")]
    return [
        pa.Table.from_pylist(rows["requests"], schema=schema(COLUMNS)),
        pa.Table.from_pylist(rows["feedback"], schema=schema(FEEDBACK_COLUMNS)),
    ]


def _latest(table: pa.Table) -> pa.Table:
    """The table with the latest row of each item."""
    import pyarrow as pa

    ordered = table.sort_by("time").append_column("_place", pa.array(range(table.num_rows), pa.int64()))
    last = ordered.group_by(list(_KEY)).aggregate([("_place", "max")])
    return ordered.take(last["_place_max"]).drop_columns("_place")
