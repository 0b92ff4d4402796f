"""The request log: an SQLite file (WAL) with a row for each answered item, and the right answers that come later.

Rows are written by a thread of their own; where they cannot be written (a full disk, a locked file) they are dropped
and counted, and answers go on. Texts are masked before they come here. Monitoring may read the file meanwhile.
"""

from __future__ import annotations

import hashlib
import json
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

from goldilocks.errors import InputError, RequestError
from goldilocks.serving.settings import LogSettings

_LOG = logging.getLogger("goldilocks.serving")
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
_WAITING = 10_000
"""Rows that may wait to be written; more are dropped."""
_TOGETHER = 500
_HOUR = 3_600.0
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class LogRow:
    """One answered item."""

    request_id: str
    item: int
    time: float
    """Seconds since 1970."""
    model: str
    version: str
    key_id: str
    text: str
    """Masked."""
    answer: Any
    confidence: float | None
    latency_ms: float


class RequestLog:
    """Writes rows until it is closed."""

    def __init__(self, settings: LogSettings, on_failure: Callable[[int], None]) -> None:
        """Open the file, which is made if need be.

        Args:
            settings: Where to, and how much of it is kept; ``path`` is not ``None``.
            on_failure: Told how many rows were dropped.

        Raises:
            InputError: the file cannot be opened, or is no SQLite file.
        """
        assert settings.path is not None
        self._settings, self._path, self._on_failure = settings, settings.path, on_failure
        self._rows: queue.Queue[LogRow | None] = queue.Queue(_WAITING)
        self._cleaned = 0.0
        self._lock = threading.Lock()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file: sqlite3.Connection | None = self._open()
        except (OSError, sqlite3.Error) as error:
            raise InputError(
                f"{self._path}: no request log can be written there ({error}); choose another log.path."
            ) from error
        self._thread = threading.Thread(target=self._run, name="request-log", daemon=True)
        self._thread.start()

    def sampled(self, request_id: str) -> bool:
        """Whether a request is one of the share that is logged; always the same for one id."""
        place = int.from_bytes(hashlib.sha256(request_id.encode()).digest()[:8]) / 2**64
        return place < self._settings.share

    def add(self, rows: Sequence[LogRow]) -> None:
        """Have rows written soon."""
        for place, row in enumerate(rows):
            try:
                self._rows.put_nowait(row)
            except queue.Full:
                self._on_failure(len(rows) - place)
                return

    def flush(self) -> None:
        """Wait until everything that was added is written (or dropped)."""
        self._rows.join()

    def feedback(self, request_id: str, item: int, answer: Any, key_id: str) -> None:
        """Keep the right answer to a logged item; one that is there is replaced.

        Raises:
            RequestError: no such item is in the log (404), or it cannot be written (503).
        """
        self.flush()
        try:
            with self._lock, closing(self._connect()) as file, file:
                known = file.execute(
                    "SELECT 1 FROM requests WHERE request_id = ? AND key_id = ? AND item = ?",
                    (request_id, key_id, item),
                )
                row = known.fetchone()
                if row is None:
                    raise RequestError(
                        404,
                        "request_not_found",
                        f"the log has no item {item} of request {request_id[:128]!r} of this key.",
                    )
                values = (request_id, item, time.time(), json.dumps(answer, ensure_ascii=False), key_id)
                file.execute("INSERT OR REPLACE INTO feedback VALUES (?, ?, ?, ?, ?)", values)
        except sqlite3.Error as error:
            raise RequestError(
                503, "log_unavailable", f"the log cannot be written ({error}).", retry_after=60
            ) from error

    def close(self) -> None:
        """Write what waits, and end."""
        self._rows.put(None)
        self._thread.join(30)

    def _run(self) -> None:
        ended = False
        while not ended:
            rows = [self._rows.get()]
            with suppress(queue.Empty):
                while len(rows) < _TOGETHER:
                    rows.append(self._rows.get_nowait())
            ended = None in rows
            self._write([row for row in rows if row is not None])
            for _ in rows:
                self._rows.task_done()
        if self._file is not None:
            self._file.close()

    def _write(self, rows: Sequence[LogRow]) -> None:
        try:
            with self._lock:
                self._rotate()
                if self._file is None:
                    self._file = self._open()
                with self._file:
                    self._file.executemany(
                        "INSERT OR REPLACE INTO requests VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        map(self._values, rows),
                    )
                    self._clean(self._file)
        except (OSError, sqlite3.Error) as error:
            _LOG.warning("%d rows of the request log were dropped: %s", len(rows), error)
            self._on_failure(len(rows))
            if self._file is not None:
                with suppress(sqlite3.Error):
                    self._file.close()
                self._file = None

    def _values(self, row: LogRow) -> tuple[Any, ...]:
        hashed = self._settings.texts == "hash"
        text = None if hashed else row.text
        digest = hashlib.sha256(row.text.encode("utf-8", "replace")).hexdigest() if hashed else None
        answer = json.dumps(row.answer, ensure_ascii=False)
        head = (row.request_id, row.item, row.time, row.model, row.version, row.key_id)
        return (*head, text, digest, answer, row.confidence, row.latency_ms)

    def _rotate(self) -> None:
        """Begin a new file when this one is too large; one older file is kept, as NAME.1."""
        try:
            size = self._path.stat().st_size
            with suppress(FileNotFoundError):
                size += self._path.with_name(f"{self._path.name}-wal").stat().st_size
        except FileNotFoundError:  # somebody took it away: a new one is made
            size = -1
        if 0 <= size <= self._settings.megabytes * 1e6:
            return
        if self._file is not None:
            self._file.close()
            self._file = None
        if size >= 0:
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        for ending in ("-wal", "-shm"):
            self._path.with_name(self._path.name + ending).unlink(missing_ok=True)

    def _clean(self, file: sqlite3.Connection) -> None:
        """Remove rows that are too old, once an hour."""
        now = time.time()
        if now - self._cleaned < _HOUR:
            return
        self._cleaned = now
        for table in ("requests", "feedback"):
            file.execute(f"DELETE FROM {table} WHERE time < ?", (now - self._settings.days * _DAY,))

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=5.0, check_same_thread=False)

    def _open(self) -> sqlite3.Connection:
        file = self._connect()
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = NORMAL")
        file.executescript(_TABLES)
        with suppress(OSError):
            self._path.chmod(0o600)
        return file
