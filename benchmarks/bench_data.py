"""Data of the benchmarks, and task files for them. Not a benchmark itself."""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import random
import sys
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def options(doc: str | None) -> argparse.ArgumentParser:
    """A parser with what every benchmark takes."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("GOLDILOCKS_DATA", "../shared/data")),
        help="folder with one folder per data set (default: $GOLDILOCKS_DATA, else ../shared/data)",
    )
    return parser


def rows(data: Path, name: str, part: str) -> list[dict[str, Any]]:
    """Rows of ``data/name/part.jsonl`` or ``.jsonl.gz``."""
    plain = data / name / f"{part}.jsonl"
    if plain.exists():
        text = plain.read_text(encoding="utf-8")
    else:
        with gzip.open(f"{plain}.gz", "rt", encoding="utf-8") as file:
            text = file.read()
    # Not splitlines: that would also cut at characters such as U+0085 inside a text.
    return [json.loads(line) for line in text.split("\n") if line]


def sample(result: list[dict[str, Any]], most: int, seed: int) -> list[dict[str, Any]]:
    """At most ``most`` rows, drawn with ``seed``, in their old order."""
    if len(result) <= most:
        return result
    return [result[i] for i in sorted(random.Random(seed).sample(range(len(result)), most))]


def write_rows(path: Path, result: list[dict[str, Any]]) -> None:
    """JSON Lines with text and label."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps({"text": match["text"], "label": str(match["label"])}, ensure_ascii=False) for match in result)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def task_file(
    folder: Path,
    name: str,
    train: list[dict[str, Any]],
    test: list[dict[str, Any]] | None,
    *,
    exclude: tuple[str, ...] = (),
    families: tuple[str, ...] | None = None,
) -> Path:
    """Write the rows and a task file into ``folder``; ``families`` are all where none are named."""
    write_rows(folder / "train.jsonl", train)
    data = {"train": "train.jsonl"}
    if test is not None:
        write_rows(folder / "test.jsonl", test)
        data["test"] = "test.jsonl"
    task = folder / "task.yaml"
    chosen = {"exclude": exclude, "families": families or "all"}
    task.write_text(json.dumps({"name": name, "data": data, "metric": "accuracy", "candidates": chosen}, indent=1))
    return task


def machine() -> dict[str, Any]:
    """The machine and the versions, for a result file."""
    from importlib.metadata import version

    from goldilocks.support.machine.hardware import machine as this

    result = this()
    names = ("goldilocks-lm", "torch", "transformers", "tokenizers", "scikit-learn", "numpy")
    return {
        "processor": result.name,
        "cores": result.cores,
        "gflops": result.gflops,
        "memory_gb": round(result.memory_bytes / 1e9, 1),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in names},
    }


def command_line() -> str:
    """The command that this benchmark was started with."""
    return " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]])


def keep(name: str, result: dict[str, Any]) -> None:
    """Write the result of record and print it as the last line."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(result, ensure_ascii=False))
