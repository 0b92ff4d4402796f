"""The same few rows as files of every format."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from goldilocks import plugins
from goldilocks.records import DataSpec, TaskSpec

TASK = plugins.load("tasks", "text_classification")
FORMATS = [f"{kind}{packed}" for kind in ("jsonl", "csv", "tsv", "parquet") for packed in ("", ".gz")]

Row = tuple[str, str]


def jsonl(rows: Sequence[Mapping[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def delimited(rows: Sequence[Sequence[str]], delimiter: str) -> bytes:
    made = io.StringIO(newline="")
    csv.writer(made, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([("text", "label"), *rows])
    return made.getvalue().encode()


def parquet(rows: Sequence[Row]) -> bytes:
    made = io.BytesIO()
    pq.write_table(pa.table({"text": [text for text, _ in rows], "label": [label for _, label in rows]}), made)
    return made.getvalue()


def write(folder: Path, kind: str, rows: Sequence[Row]) -> str:
    """Write ``rows.<kind>`` and give its name."""
    content = {
        "jsonl": lambda: jsonl([{"text": text, "label": label} for text, label in rows]),
        "csv": lambda: delimited(rows, ","),
        "tsv": lambda: delimited(rows, "\t"),
        "parquet": lambda: parquet(rows),
    }[kind.removesuffix(".gz")]()
    (folder / f"rows.{kind}").write_bytes(gzip.compress(content) if kind.endswith(".gz") else content)
    return f"rows.{kind}"


def sentences(n_rows: int, *, start: int = 0) -> list[str]:
    """Texts that are far from each other: no two share a number."""
    return [
        f"{place * 7919:x} goes with {place * 104729:x} and {place * 1299709:x}"
        for place in range(start, start + n_rows)
    ]


def labelled(n_rows: int, *, start: int = 0, names: Sequence[str] = ("good", "bad")) -> list[Row]:
    return [(text, names[place % len(names)]) for place, text in enumerate(sentences(n_rows, start=start))]


def spec(
    folder: Path,
    train: Sequence[Row] = (),
    *,
    validation: Sequence[Row] = (),
    test: Sequence[Row] = (),
    parts: Mapping[str, Sequence[Row]] | None = None,
    seed: int = 0,
    language: str = "auto",
) -> TaskSpec:
    """A task whose parts, given one by one or as ``parts``, are written as JSON Lines."""
    names: dict[str, str] = {}
    for name, rows in (parts or {"train": train, "validation": validation, "test": test}).items():
        if rows:
            (folder / f"{name}.jsonl").write_bytes(jsonl([{"text": text, "label": label} for text, label in rows]))
            names[name] = f"{name}.jsonl"
    data = DataSpec(train=names["train"], validation=names.get("validation"), test=names.get("test"))
    return TaskSpec(name="tried", data=data, seed=seed, language=language, folder=folder)
