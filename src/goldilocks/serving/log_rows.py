"""What the request log stores: rows of answered items, gold answers that come later, and the interface of a store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

HOUR = 3_600.0
DAY = 86_400.0
COLUMNS = (
    "request_id",
    "item",
    "time",
    "model",
    "version",
    "key_id",
    "text",
    "text_sha256",
    "answer",
    "confidence",
    "latency_ms",
)
"""Columns of ``requests`` in every store."""
FEEDBACK_COLUMNS = ("request_id", "item", "time", "answer", "key_id")


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

    def values(self, *, hashed: bool) -> tuple[Any, ...]:
        """The values of ``COLUMNS``: the answer as JSON; of the text, if ``hashed``, the SHA-256 only."""
        text = None if hashed else self.text
        digest = hashlib.sha256(self.text.encode("utf-8", "replace")).hexdigest() if hashed else None
        answer = json.dumps(self.answer, ensure_ascii=False)
        head = (self.request_id, self.item, self.time, self.model, self.version, self.key_id)
        return (*head, text, digest, answer, self.confidence, self.latency_ms)


@dataclass(frozen=True, slots=True)
class FeedbackRow:
    """The gold answer of a logged item."""

    request_id: str
    item: int
    time: float
    answer: Any
    key_id: str

    def values(self) -> tuple[Any, ...]:
        """The values of ``FEEDBACK_COLUMNS``."""
        return (self.request_id, self.item, self.time, json.dumps(self.answer, ensure_ascii=False), self.key_id)


class StoreError(Exception):
    """A store cannot be read or written: full disk, locked or damaged file."""

    def __init__(self, message: str, rows: int | None = None) -> None:
        """Say why, and how many rows were lost (``None``: those of the call)."""
        super().__init__(message)
        self.rows = rows


class LogStore(Protocol):
    """Where rows are kept. Calls are serialised by the log; each may raise ``StoreError``."""

    def write(self, rows: Sequence[LogRow]) -> None:
        """Keep rows; without rows do what is due (write a buffer, remove old rows)."""

    def contains(self, request_id: str, key_id: str, item: int) -> bool:
        """Whether an item of a request with a key is in the log."""

    def add_feedback(self, row: FeedbackRow) -> None:
        """Keep a gold answer; the latest of an item counts."""

    def close(self) -> None:
        """Write what is buffered."""
