"""What does each method score, train, take and weigh, on the same rows?

Run:    python benchmarks/methods.py --sets trec --models all-MiniLM-L6-v2 --rows 1000
        python benchmarks/methods.py --methods lora reft --seeds 3
Needs:  the data folder; 1 to 4 minutes a cell (model, set, method, seed) on 2 cores. Stopped and started again it goes
        on: each cell is a file in --work, and cells that are there are not run again.

Measured: accuracy on up to 500 test rows with a 95 % bootstrap interval; trained weights as a share of all; wall-clock
seconds of tuning; peak resident memory of the cell's process while tuning; bytes of the saved model. Each cell runs in
a process of its own. A set (`best`) holds the methods that cannot be excluded as the best at 95 %. The last line of
output is one JSON object.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from bench_data import keep, machine, options, rows, sample

from goldilocks import plugins
from goldilocks.catalog.fetch import folder_of
from goldilocks.catalog.known import catalogue
from goldilocks.evaluation.score import measured
from goldilocks.records import Candidate, Goal, Part, TrainingConfig, Workload
from goldilocks.support.machine.hardware import set_threads
from goldilocks.tuning.run import Run, RunSetup

SCORED = 500
"""Test rows that a cell is scored on."""
_ANY = TrainingConfig(epochs=1, learning_rate=1e-4, head_learning_rate=1e-3)


def trained_methods() -> list[str]:
    """Methods that gradient descent trains and that need no other candidate."""
    names = [name for name in plugins.names("methods") if plugins.load("methods", name).training_config(_ANY)]
    return [name for name in names if name not in ("scratch", "distil")]


def part_of(entries: list[dict[str, Any]]) -> Part:
    """Rows as tuning takes them."""
    texts, gold = tuple(str(row["text"]) for row in entries), tuple(str(row["label"]) for row in entries)
    return Part(texts, gold, tuple(range(1, len(entries) + 1)))


def cell(data: Path, model: str, name: str, method: str, most: int, seed: int) -> dict[str, Any]:
    """One run, and what it took."""
    set_threads()
    train = part_of(sample(rows(data, name, "train"), most, seed=seed))
    test = part_of(sample(rows(data, name, "test"), SCORED, seed=0))
    labels = tuple(sorted({*map(str, train.gold), *map(str, test.gold)}))
    info = next(entry for entry in catalogue() if entry.name == model)
    texts = [str(text) for text in train.texts]
    characters, words = float(np.mean([len(t) for t in texts])), float(np.mean([len(t.split()) for t in texts]))
    work = Workload(len(train), characters, words, len(labels))
    folder = folder_of(info, offline=True)
    run = Run(Candidate(info, method), train, Goal(labels=labels), RunSetup(folder, work, seed=seed))
    begun = time.perf_counter()
    run.advance(1.0)
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    weights = dict(run.network.module.named_parameters())
    trained = sum(weight.numel() for weight in weights.values() if weight.requires_grad)
    answers = run.predict(test.texts)
    score = measured(plugins.load("metrics", "accuracy"), test.gold, answers.values, seed=0)
    with tempfile.TemporaryDirectory() as scratch:
        run.model.save(Path(scratch) / "model")
        size = sum(path.stat().st_size for path in Path(scratch).rglob("*") if path.is_file())
    return {
        "model": model,
        "set": name,
        "method": method,
        "seed": seed,
        "accuracy": score.value,
        "low": score.low,
        "high": score.high,
        "trained_share": trained / sum(weight.numel() for weight in weights.values()),
        "seconds": seconds,
        "peak_memory_bytes": peak,
        "size_bytes": size,
        "right": [int(answer == gold) for answer, gold in zip(answers.values, test.gold, strict=True)],
    }


def best_set(cells: list[dict[str, Any]]) -> list[str]:
    """Methods whose paired difference to the best one has an interval that holds zero (no correction)."""
    top = max(cells, key=lambda one: float(one["accuracy"]))
    kept = []
    for one in cells:
        gaps = np.array(top["right"], dtype=float) - np.array(one["right"], dtype=float)
        spread = 1.96 * gaps.std(ddof=1) / len(gaps) ** 0.5 if len(gaps) > 1 else 0.0
        if gaps.mean() - spread <= 0:
            kept.append(str(one["method"]))
    return kept


def main() -> None:
    """Run what is not there yet; print the table."""
    parser = options(__doc__)
    parser.add_argument("--sets", nargs="+", default=["trec"])
    parser.add_argument("--models", nargs="+", default=["all-MiniLM-L6-v2"])
    parser.add_argument("--methods", nargs="+", default=trained_methods())
    parser.add_argument("--rows", type=int, default=1_000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("bench-work/methods"))
    parser.add_argument("--cell", nargs=4, help="internal: model, set, method and seed of one cell")
    parser.add_argument("--name", default="methods", help="name of the result file")
    chosen = parser.parse_args()
    if chosen.cell:
        model, name, method, seed = chosen.cell
        print(json.dumps(cell(chosen.data, model, name, method, chosen.rows, int(seed))))
        return
    chosen.work.mkdir(parents=True, exist_ok=True)
    wanted = list(product(chosen.models, chosen.sets, chosen.methods, range(chosen.seeds)))
    cells: list[dict[str, Any]] = []
    for model, name, method, number in wanted:
        file = chosen.work / f"{model}-{name}-{method}-{chosen.rows}-{number}.json"
        if not file.exists():
            own = ["--data", str(chosen.data), "--rows", str(chosen.rows)]
            command = [sys.executable, __file__, *own, "--cell", model, name, method, str(number)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{model} {name} {method} {number}: failed: {done.stderr.strip().splitlines()[-1]}", flush=True)
                continue
            file.write_text(done.stdout.strip().splitlines()[-1])
        one = json.loads(file.read_text())
        cells.append(one)
        print(
            f"{model:20} {name:8} {method:12} {number}  {one['accuracy']:.3f} [{one['low']:.3f}, {one['high']:.3f}]  "
            f"{one['trained_share']:8.3%}  {one['seconds']:5.0f} s  {one['peak_memory_bytes'] / 1e6:5.0f} MB  "
            f"{one['size_bytes'] / 1e6:4.0f} MB",
            flush=True,
        )
    groups = sorted({(one["model"], one["set"], one["seed"]) for one in cells})
    best = {
        f"{model}/{name}/{seed}": best_set(
            [one for one in cells if (one["model"], one["set"], one["seed"]) == (model, name, seed)]
        )
        for model, name, seed in groups
    }
    shown = [{key: value for key, value in one.items() if key != "right"} for one in cells]
    result = {"benchmark": "methods", "rows": chosen.rows, "scored_rows": SCORED, "best": best, "cells": shown}
    keep(chosen.name, result | machine() | {"command": " ".join(["python", "benchmarks/methods.py", *sys.argv[1:]])})


if __name__ == "__main__":
    main()
