"""The request log as an SQLite file (WAL), which may be read while it is written."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from goldilocks.serving.log_rows import DAY, HOUR, FeedbackRow, LogRow, StoreError
from goldilocks.serving.settings import LogSettings

_TABLES = """
CREATE TABLE IF NOT EXISTS requests (
    request_id TEXT NOT NULL, item INTEGER NOT NULL, time REAL NOT NULL, model TEXT NOT NULL, version TEXT NOT NULL,
    key_id TEXT NOT NULL, text TEXT, text_sha256 TEXT, answer TEXT NOT NULL, confidence REAL, latency_ms REAL NOT NULL,
    PRIMARY KEY (request_id, key_id, item)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS requests_by_time ON requests (time);
CREATE TABLE IF NOT EXISTS feedback (
    request_id TEXT NOT NULL, item INTEGER NOT NULL, time REAL NOT NULL, answer TEXT NOT NULL, key_id TEXT NOT NULL,
    PRIMARY KEY (request_id, key_id, item)
) WITHOUT ROWID;
"""


class SqliteStore:
    """Rows in one file; above its size limit it is renamed to ``NAME.1`` and a new one is begun."""

    def __init__(self, path: Path, settings: LogSettings) -> None:
        """Open the file; it is created if need be.

        Raises:
            StoreError: it cannot be opened, or is not an SQLite file.
        """
        self._path, self._settings = path, settings
        self._cleaned = 0.0
        self._file: sqlite3.Connection | None = None
        with _errors():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._open()

    def write(self, rows: Sequence[LogRow]) -> None:
        """See ``LogStore``."""
        if not rows:
            return
        try:
            with _errors():
                self._rotate()
                if self._file is None:
                    self._file = self._open()
                hashed = self._settings.texts == "hash"
                with self._file:
                    self._file.executemany(
                        "INSERT OR REPLACE INTO requests VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        (row.values(hashed=hashed) for row in rows),
                    )
                    self._clean(self._file)
        except StoreError:
            self.close()
            raise

    def contains(self, request_id: str, key_id: str, item: int) -> bool:
        """See ``LogStore``."""
        with _errors(), closing(self._connect()) as file:
            row = file.execute(
                "SELECT 1 FROM requests WHERE request_id = ? AND key_id = ? AND item = ?", (request_id, key_id, item)
            ).fetchone()
        return row is not None

    def add_feedback(self, row: FeedbackRow) -> None:
        """See ``LogStore``."""
        with _errors(), closing(self._connect()) as file, file:
            file.execute("INSERT OR REPLACE INTO feedback VALUES (?, ?, ?, ?, ?)", row.values())

    def close(self) -> None:
        """See ``LogStore``."""
        if self._file is not None:
            with suppress(sqlite3.Error):
                self._file.close()
            self._file = None

    def _rotate(self) -> None:
        """Begin a new file when this one is too large; one older file is kept."""
        try:
            size = self._path.stat().st_size
            with suppress(FileNotFoundError):
                size += self._path.with_name(f"{self._path.name}-wal").stat().st_size
        except FileNotFoundError:  # somebody took it away: a new one is made
            size = -1
        if 0 <= size <= self._settings.megabytes * 1e6:
            return
        self.close()
        if size >= 0:
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        for ending in ("-wal", "-shm"):
            self._path.with_name(self._path.name + ending).unlink(missing_ok=True)

    def _clean(self, file: sqlite3.Connection) -> None:
        """Remove rows that are too old, once an hour."""
        now = time.time()
        if now - self._cleaned < HOUR:
            return
        self._cleaned = now
        for table in ("requests", "feedback"):
            file.execute(f"DELETE FROM {table} WHERE time < ?", (now - self._settings.days * DAY,))

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=5.0, check_same_thread=False)

    def _open(self) -> sqlite3.Connection:
        # Made before SQLite makes it: what SQLite puts beside the file (rows are written there first) has its rights.
        self._path.touch(0o600)
        with suppress(OSError):
            self._path.chmod(0o600)
        file = self._connect()
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = NORMAL")
        file.executescript(_TABLES)
        return file


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise StoreError(str(error)) from error
