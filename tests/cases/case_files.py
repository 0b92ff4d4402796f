"""Small files that tests of cases write themselves, and readings of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from goldilocks import plugins
from goldilocks.data.load import load
from goldilocks.data.read import Reading, read
from goldilocks.records import Dataset
from goldilocks.settings import task_from

SPORT = ["ball", "goal", "coach", "league", "medal", "match", "trophy", "team", "player", "season"]
MONEY = ["bank", "loan", "invoice", "price", "tax", "budget", "shares", "profit", "credit", "debt"]


def reading(
    folder: Path, name: str, content: bytes, task: str = "text_classification", fields: Mapping[str, str] | None = None
) -> Reading:
    """A file written and read."""
    (folder / name).write_bytes(content)
    return read(name, fields or {}, plugins.load("tasks", task), folder)


def dataset(folder: Path, task: str = "text_classification", **data: Any) -> Dataset:
    """Data loaded as a task file with these keys under ``data`` would."""
    return load(task_from({"name": "t", "task": task, "data": data}, folder=folder), plugins.load("tasks", task))


def topic_rows(n_rows: int) -> list[tuple[str, str]]:
    """Texts of their own, half about sport and half about money."""
    rows = []
    for number in range(n_rows):
        words, label = (SPORT, "sport") if number % 2 else (MONEY, "money")
        chosen = [words[(number // 10**digit + 3 * digit) % 10] for digit in range(4)]
        rows.append((f"{' '.join(chosen)} number {number} of week {number * 7919 % 997}", label))
    return rows


def as_csv(rows: Sequence[Sequence[str]], header: Sequence[str] = ("text", "label")) -> bytes:
    """Rows without commas or quotes as a CSV."""
    return "".join(",".join(row) + "\n" for row in (header, *rows)).encode()


def as_jsonl(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows as JSON Lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
