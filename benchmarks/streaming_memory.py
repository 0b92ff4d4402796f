"""How much memory does `tune` take with training rows in files (`data.stream`) and with all of them in memory?

Run:    python benchmarks/streaming_memory.py --rows 400000
        python benchmarks/streaming_memory.py --rows 400000 --side streamed
Needs:  CPU only; at 400,000 rows about 10 minutes for each side on a busy core; `in_memory` also looks for near
        duplicates. An interrupted run continues: each side is a file in --work.

Measured: peak resident memory (``getrusage``) and seconds of a process that tunes all-MiniLM-L6-v2/full for --steps
steps of 8 rows (a hundredth of an epoch at least) through the same function as the command, on generated rows of 12 to
40 words: the whole run, from reading to the bundle, and up to the end of two of its stages (``data``: read and checked;
``training``: tokenized and trained). The memory of the same with 2,000 rows is the floor. Training itself is the same
on both sides: the largest difference between the losses of a step is reported. The last line of output is one JSON
object.
"""

from __future__ import annotations

import json
import random
import resource
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from bench_data import command_line, keep, machine, options
from cells import Cells, own_process

from goldilocks.events import Event, StageStarted, TrainingStep
from goldilocks.fine_tune import tune_one
from goldilocks.records import DataSpec, TaskSpec
from goldilocks.settings import RunSettings

SIDES = ("streamed", "in_memory")
FLOOR_ROWS = 2_000
BATCH = 8
CANDIDATE = "encoder/all-MiniLM-L6-v2/full"


def generate(path: Path, rows: int, *, seed: int) -> None:
    """JSON Lines of random words; the label is in the first of them."""
    rng = random.Random(seed)
    words = [f"{rng.choice('bcdfgklm')}{rng.choice('aeiou')}{rng.choice('lmnrst')}{number}" for number in range(9_000)]
    with path.open("w", encoding="utf-8") as file:
        for number in range(rows):
            label = ("good", "bad")[number % 2]
            text = " ".join([label, str(number), *rng.choices(words, k=rng.randint(10, 38))])
            file.write(json.dumps({"text": text, "label": label}) + "\n")


def side(folder: Path, rows: int, steps: int, *, streamed: bool) -> dict[str, Any]:
    """One run, and what it took."""
    data = DataSpec(train=f"train-{rows}.jsonl", validation="held.jsonl", test="test.jsonl", stream=streamed)
    spec = TaskSpec(name="streaming", task="text_classification", data=data, folder=folder, language="en")
    losses: list[float] = []
    peaks: dict[str, int] = {}

    def noted(event: Event) -> None:
        if isinstance(event, StageStarted) and event.name == "tuning":
            peaks["data"] = peak()
        if isinstance(event, TrainingStep) and event.loss is not None:
            losses.append(event.loss)
            peaks["training"] = peak()

    with tempfile.TemporaryDirectory() as scratch:
        settings = RunSettings(out=Path(scratch) / "tuned")
        begun = time.perf_counter()
        # Small batches, so that the memory of training does not hide that of the rows.
        overrides = {"epochs": max(0.01, steps * BATCH / rows), "batch_rows": BATCH, "batch_tokens": 512}
        tune_one(spec, CANDIDATE, settings, overrides, noted)
        seconds = time.perf_counter() - begun
    whole = {"peak_memory_bytes": peak(), "peak_until": peaks}
    return {"rows": rows, **whole, "seconds": seconds, "losses": losses}


def peak() -> int:
    """Highest resident memory of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Run what is not there yet; print the table."""
    parser = options(__doc__)
    parser.add_argument("--rows", type=int, default=400_000)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--side", choices=SIDES, nargs="+", default=list(SIDES))
    parser.add_argument("--work", type=Path, default=Path("bench-work/streaming"))
    parser.add_argument("--cell", nargs=2, help="internal: side and rows of one run")
    parser.add_argument("--name", default="streaming_memory", help="name of the result file")
    chosen = parser.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    if chosen.cell:
        name, rows = chosen.cell
        print(json.dumps(side(chosen.work, int(rows), chosen.steps, streamed=name == "streamed")))
        return
    for seed, (name, count) in enumerate({"held": 500, "test": 500}.items(), start=1):
        generate(chosen.work / f"{name}.jsonl", count, seed=seed)
    store = Cells(chosen.work)
    cells: list[dict[str, Any]] = []
    for rows in (FLOOR_ROWS, chosen.rows):
        if not (chosen.work / f"train-{rows}.jsonl").exists():
            generate(chosen.work / f"train-{rows}.jsonl", rows, seed=0)
        for name in chosen.side:
            own = ["--work", str(chosen.work), "--steps", str(chosen.steps), "--cell", name, str(rows)]
            measured = store.result(f"{name}-{rows}-{chosen.steps}", partial(own_process, f"{name} {rows}", *own))
            cell = {"side": name} | (measured or {})
            cells.append(cell)
            print(
                f"{name:10} {rows:8,} rows  {cell['peak_memory_bytes'] / 1e6:6.0f} MB "
                f"(data {cell['peak_until']['data'] / 1e6:.0f}, training {cell['peak_until']['training'] / 1e6:.0f})  "
                f"{cell['seconds']:5.0f} s  "
                f"last loss {cell['losses'][-1]:.4f}",
                flush=True,
            )
    sizes = {str(rows): (chosen.work / f"train-{rows}.jsonl").stat().st_size for rows in (FLOOR_ROWS, chosen.rows)}
    result = {"benchmark": "streaming_memory", "steps": chosen.steps, "file_bytes": sizes, **compared(cells)}
    keep(chosen.name, result | machine() | {"command": command_line()})


def compared(cells: list[dict[str, Any]]) -> dict[str, Any]:
    """The cells with first and last loss in place of all, and the largest difference of a loss between the sides."""
    losses: dict[int, list[list[float]]] = {}
    for cell in cells:
        losses.setdefault(cell["rows"], []).append(cell["losses"])
    differences = {
        str(rows): max(max(step) - min(step) for step in zip(*sides, strict=True)) for rows, sides in losses.items()
    }
    shown = [cell | {"steps": len(cell["losses"]), "losses": [cell["losses"][at] for at in (0, -1)]} for cell in cells]
    return {"largest_difference_of_a_loss": differences, "cells": shown}


if __name__ == "__main__":
    main()
