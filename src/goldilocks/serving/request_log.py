"""The request log: a row for each answered item, and the gold answers that come later.

Rows are written by a thread of their own; where they cannot be written (a full disk, a locked file) they are dropped
and counted, and requests are still answered. Texts are masked before they come here. The log may be read meanwhile
(``log_reader``).
"""

from __future__ import annotations

import hashlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from goldilocks.errors import InputError, RequestError
from goldilocks.serving.log_parquet import ParquetStore
from goldilocks.serving.log_rows import FeedbackRow, LogRow, LogStore, StoreError
from goldilocks.serving.log_sqlite import SqliteStore
from goldilocks.serving.settings import LogSettings

_LOG = logging.getLogger("goldilocks.serving")
_STORES: dict[str, Callable[[Path, LogSettings], LogStore]] = {"sqlite": SqliteStore, "parquet": ParquetStore}
_WAITING = 10_000
"""Rows that may wait to be written; more are dropped."""
_TOGETHER = 500
_IDLE = 5.0
"""Seconds without rows after which a store does what is due."""


class RequestLog:
    """Writes rows until it is closed."""

    def __init__(self, settings: LogSettings, on_failure: Callable[[int], None]) -> None:
        """Open the store, which is created if need be.

        Args:
            settings: Where to, and how much of it is kept; ``path`` is not ``None``.
            on_failure: Called with the number of rows that were dropped.

        Raises:
            InputError: it cannot be opened.
        """
        assert settings.path is not None
        self._settings, self._on_failure = settings, on_failure
        self._rows: queue.Queue[LogRow | None] = queue.Queue(_WAITING)
        self._lock = threading.Lock()
        try:
            self._store = _STORES[settings.format](settings.path, settings)
        except StoreError as error:
            raise InputError(
                f"{settings.path}: no request log can be written there ({error}); choose another log.path."
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
        """Wait until everything that was added has reached the store (or was dropped)."""
        self._rows.join()

    def feedback(self, request_id: str, item: int, answer: Any, key_id: str) -> None:
        """Keep the gold answer of a logged item; an earlier one is replaced.

        Raises:
            RequestError: no such item is in the log (404), or it cannot be written (503).
        """
        self.flush()
        try:
            with self._lock:
                if not self._store.contains(request_id, key_id, item):
                    raise RequestError(
                        404,
                        "request_not_found",
                        f"in the log, request {request_id[:128]!r} of this key has no item {item}.",
                    )
                self._store.add_feedback(FeedbackRow(request_id, item, time.time(), answer, key_id))
        except StoreError as error:
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
            rows: list[LogRow | None] = []
            with suppress(queue.Empty):
                rows.append(self._rows.get(timeout=_IDLE))
                while len(rows) < _TOGETHER:
                    rows.append(self._rows.get_nowait())
            ended = None in rows
            self._write([row for row in rows if row is not None], last=ended)
            for _ in rows:
                self._rows.task_done()

    def _write(self, rows: Sequence[LogRow], *, last: bool) -> None:
        try:
            with self._lock:
                self._store.write(rows)
                if last:
                    self._store.close()
        except StoreError as error:
            lost = len(rows) if error.rows is None else error.rows
            _LOG.warning("%d rows of the request log were dropped: %s", lost, error)
            self._on_failure(lost)
