"""Fingerprint of rows: equal rows have the same fingerprint, whatever their file format."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from goldilocks.records import Gold, Part, Text

_ROWS = 10_000


def fingerprint(parts: Sequence[Part]) -> str:
    """First 16 hex digits of SHA-256 over items and gold answers of each part in order; row numbers do not count."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"part {len(part)}\n".encode())
        for start in range(0, len(part), _ROWS):
            texts = map(_spelled, part.texts[start : start + _ROWS])
            rows = zip(texts, map(_spelled, part.gold[start : start + _ROWS]), strict=True)
            # Lengths in front: no text can pass for the end of another.
            digest.update("".join(f"{len(text)} {len(gold)} {text}{gold}" for text, gold in rows).encode("utf-8"))
    return digest.hexdigest()[:16]


def _spelled(value: Text | Gold) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
