"""The request log as a folder of Parquet files, which pandas, Polars, DuckDB and Spark read as one table.

A Parquet file cannot be appended to. Rows are buffered and written as a file of their own when there are many, or after
a while; a process that is killed loses the buffer. Small files of a day are merged once an hour. A file is complete
from the moment it has its name: ``requests-FIRST-LAST-NUMBER.parquet``, with the times of its first and last row in
milliseconds since 1970 (``feedback-…`` likewise).
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldilocks.serving.log_rows import COLUMNS, DAY, FEEDBACK_COLUMNS, HOUR, FeedbackRow, LogRow, StoreError
from goldilocks.serving.settings import LogSettings

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 10_000
"""Rows after which a file is written."""
_SECONDS = 30.0
"""Seconds after which one is written, however few rows there are."""
_SMALL_BYTES = 16_000_000
"""Files below this size are merged."""
_FEW = 8
"""So many small files of a day may stay."""


@dataclass(frozen=True, slots=True)
class ParquetFile:
    """One file of the log."""

    path: Path
    first_ms: int
    last_ms: int

    @property
    def day(self) -> int:
        """Day of its first row, in days since 1970 (UTC)."""
        return int(self.first_ms / 1000 // DAY)


class ParquetStore:
    """Rows in a folder, whose files together stay below the size limit: the oldest are removed."""

    def __init__(self, path: Path, settings: LogSettings, now: Callable[[], float] = time.time) -> None:
        """Open the folder; it is created if need be.

        Raises:
            StoreError: it cannot be written to.
        """
        self._path, self._settings, self._now = path, settings, now
        self._rows: list[tuple[Any, ...]] = []
        self._feedback: list[tuple[Any, ...]] = []
        self._written = self._now()
        self._cleaned = 0.0
        self._numbers = itertools.count()
        with _errors(0):
            path.mkdir(parents=True, exist_ok=True)
            if not os.access(path, os.W_OK | os.X_OK):
                raise PermissionError("the folder is not writable")

    def write(self, rows: Sequence[LogRow]) -> None:
        """See ``LogStore``."""
        hashed = self._settings.texts == "hash"
        self._rows += [row.values(hashed=hashed) for row in rows]
        if len(self._rows) >= _ROWS or self._now() - self._written >= _SECONDS:
            self._flush()

    def contains(self, request_id: str, key_id: str, item: int) -> bool:
        """See ``LogStore``."""
        import pyarrow.parquet as pq

        if any((row[0], row[5], row[1]) == (request_id, key_id, item) for row in self._rows):
            return True
        filters = [("request_id", "=", request_id), ("key_id", "=", key_id), ("item", "=", item)]
        with _errors(0):
            newest_first = sorted(files_in(self._path, "requests"), key=lambda file: -file.last_ms)
            return any(pq.read_table(file.path, columns=["item"], filters=filters).num_rows for file in newest_first)

    def add_feedback(self, row: FeedbackRow) -> None:
        """See ``LogStore``."""
        self._feedback.append(row.values())
        if len(self._feedback) >= _ROWS:
            self._flush()

    def close(self) -> None:
        """See ``LogStore``."""
        self._flush()

    def _flush(self) -> None:
        """Write the buffers as files, then do what is due once an hour."""
        rows, feedback = self._rows, self._feedback
        self._rows, self._feedback = [], []
        self._written = self._now()
        with _errors(len(rows) + len(feedback)):
            if rows:
                self._write("requests", _table(rows, COLUMNS))
            if feedback:
                self._write("feedback", _table(feedback, FEEDBACK_COLUMNS))
        with _errors(0):
            self._keep_size()
            if self._now() - self._cleaned >= HOUR:
                self._cleaned = self._now()
                self._forget()
                self._merge()

    def _write(self, kind: str, table: pa.Table) -> None:
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        span = pc.min_max(table["time"]).as_py()
        # The number tells files of one span apart, also those of other processes that write here.
        number = f"{os.getpid()}x{next(self._numbers)}"
        name = f"{kind}-{int(span['min'] * 1000)}-{int(span['max'] * 1000)}-{number}.parquet"
        part = self._path / f".{name}.part"
        try:
            pq.write_table(table, part, compression="zstd")
            part.chmod(0o600)
            part.replace(self._path / name)
        except BaseException:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise

    def _keep_size(self) -> None:
        files = sorted(files_in(self._path), key=lambda file: file.last_ms)
        sizes = [file.path.stat().st_size for file in files]
        excess = sum(sizes) - self._settings.megabytes * 1e6
        for file, size in zip(files[:-1], sizes[:-1], strict=True):
            if excess <= 0:
                return
            file.path.unlink()
            excess -= size

    def _forget(self) -> None:
        """Remove rows that are too old; a file with newer ones too is written again without them."""
        oldest = self._now() - self._settings.days * DAY
        for kind in ("requests", "feedback"):
            for file in files_in(self._path, kind):
                if file.first_ms / 1000 >= oldest:
                    continue
                if file.last_ms / 1000 >= oldest:
                    table = _read(file.path)
                    self._write(kind, table.filter(table["time"].to_numpy() >= oldest))
                file.path.unlink()

    def _merge(self) -> None:
        """Make one file of the small files of each day that has many."""
        import pyarrow as pa

        for kind in ("requests", "feedback"):
            small = [file for file in files_in(self._path, kind) if file.path.stat().st_size < _SMALL_BYTES]
            for _, files in itertools.groupby(sorted(small, key=lambda file: file.first_ms), key=lambda file: file.day):
                group = list(files)
                if len(group) > _FEW:
                    # Should this end halfway, rows are there twice, which readers of the log remove.
                    self._write(kind, pa.concat_tables([_read(file.path) for file in group]))
                    for file in group:
                        file.path.unlink()


def files_in(folder: Path, kind: str = "*") -> list[ParquetFile]:
    """The files of the log in a folder; ``kind`` is ``requests``, ``feedback`` or both (``*``)."""
    files: list[ParquetFile] = []
    for path in sorted(folder.glob(f"{kind}-*-*-*.parquet")):
        _, first, last, _ = path.stem.split("-", 3)
        if first.isdigit() and last.isdigit():
            files.append(ParquetFile(path, int(first), int(last)))
    return files


def _read(path: Path) -> pa.Table:
    import pyarrow.parquet as pq

    return pq.ParquetFile(path).read()


def schema(columns: Sequence[str]) -> pa.Schema:
    """The types of the columns of the log."""
    import pyarrow as pa

    types = {"item": pa.int64(), "time": pa.float64(), "confidence": pa.float64(), "latency_ms": pa.float64()}
    return pa.schema([(name, types.get(name, pa.string())) for name in columns])


def _table(rows: Sequence[tuple[Any, ...]], columns: Sequence[str]) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_pylist([dict(zip(columns, row, strict=True)) for row in rows], schema=schema(columns))


@contextmanager
def _errors(rows: int) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise StoreError(str(error), rows) from error
