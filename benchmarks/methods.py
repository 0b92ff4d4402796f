r"""What does each method score, train, take and weigh, on the same rows?

Run:    python benchmarks/methods.py --sets trec --models all-MiniLM-L6-v2 --rows 1000
        python benchmarks/methods.py --methods lora reft --seeds 3
        python benchmarks/methods.py --sets trec chnsenticorp --minutes 9 \
            --models all-MiniLM-L6-v2 multilingual-e5-small-q4
        python benchmarks/methods.py --sets conll2003 --rows 1500 --methods full lora --seeds 3 --name methods_tags
        python benchmarks/methods.py --models SmolLM2-135M-Instruct --rows 300 --methods lora zero_shot in_context
Needs:  the data folder; 1 to 4 minutes a cell (model, set, method, seed) on 2 cores. Stopped and started again it goes
        on: each cell is a file in --work, and cells that are there are not run again.

With --minutes it begins no cell after that time and ends with code 75 while some are missing: call it again. A cell
that failed is kept with its reason; remove its file to try it again.

Measured: accuracy (of tags entity F1) on up to 500 test rows with a 95 % bootstrap interval; trained weights as a share
of all; wall-clock seconds of tuning; peak resident memory of the cell's process while tuning; bytes of the saved model.
Each cell runs in a process of its own. A set (`best`) holds the methods that cannot be excluded as the best at 95 %.
The last line of output is one JSON object.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from bench_data import command_line, keep, machine, options, rows, sample
from cells import Cells, own_process

from goldilocks import plugins
from goldilocks.catalog.fetch import folder_of
from goldilocks.catalog.known import catalogue
from goldilocks.evaluation.score import measured
from goldilocks.protocols import DeclinesOutputs
from goldilocks.records import (
    Candidate,
    Goal,
    ModelInfo,
    Output,
    Part,
    TrainingConfig,
    Workload,
    as_text,
    labels_of,
)
from goldilocks.support.machine.hardware import set_threads
from goldilocks.tuning.run import Run, RunSetup

SCORED = 500
"""Test rows that a cell is scored on."""
_ANY = TrainingConfig(epochs=1, learning_rate=1e-4, head_learning_rate=1e-3)


def trained_methods() -> list[str]:
    """Methods that gradient descent trains and that need no other candidate."""
    names = [name for name in plugins.names("methods") if plugins.load("methods", name).training_config(_ANY)]
    return [name for name in names if name not in ("scratch", "distil")]


def misfit(model: str, method: str, output: Output) -> str | None:
    """Why a method is not run on a model."""
    plugin = plugins.load("methods", method)
    reason = plugin.incompatibility(info_of(model))
    return reason or (plugin.declined(output) if isinstance(plugin, DeclinesOutputs) else None)


def info_of(model: str) -> ModelInfo:
    """The model of the catalogue with this name."""
    return next(entry for entry in catalogue() if entry.name == model)


def part_of(entries: list[dict[str, Any]]) -> Part:
    """Rows as tuning takes them; those with tokens are tagged."""
    if "tokens" in entries[0]:
        words, tags = [tuple(row["tokens"]) for row in entries], [tuple(row["tags"]) for row in entries]
        return Part(tuple(words), tuple(tags), tuple(range(1, len(entries) + 1)))
    texts, gold = tuple(str(row["text"]) for row in entries), tuple(str(row["label"]) for row in entries)
    return Part(texts, gold, tuple(range(1, len(entries) + 1)))


def cell(data: Path, model: str, name: str, method: str, most: int, seed: int) -> dict[str, Any]:
    """One run, and what it took."""
    set_threads()
    train = part_of(sample(rows(data, name, "train"), most, seed=seed))
    test = part_of(sample(rows(data, name, "test"), SCORED, seed=0))
    output = Output.LABEL if isinstance(train.gold[0], str) else Output.TAGS
    labels = tuple(sorted({label for gold in (*train.gold, *test.gold) for label in labels_of(gold, output)}))
    info = info_of(model)
    texts = [as_text(text) for text in train.texts]
    characters, words = float(np.mean([len(t) for t in texts])), float(np.mean([len(t.split()) for t in texts]))
    work = Workload(len(train), characters, words, len(labels), output=output)
    folder = folder_of(info, offline=True)
    task = plugins.load("tasks", "ner" if output is Output.TAGS else "text_classification")
    goal = Goal(output, labels, instruction=task.INSTRUCTION)
    run = Run(Candidate(info, method), train, goal, RunSetup(folder, work, seed=seed))
    begun = time.perf_counter()
    run.advance(1.0)
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    weights = dict(run.network.module.named_parameters()) if run.config is not None else {}
    trained = sum(weight.numel() for weight in weights.values() if weight.requires_grad)
    answers = run.predict(test.texts)
    metric = "accuracy" if output is Output.LABEL else "entity_f1"
    score = measured(plugins.load("metrics", metric), test.gold, answers.values, seed=0)
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
        "metric": metric,
        "trained_share": trained / max(1, sum(weight.numel() for weight in weights.values())),
        "seconds": seconds,
        "peak_memory_bytes": peak,
        "size_bytes": size,
        "right": [int(answer == gold) for answer, gold in zip(answers.values, test.gold, strict=True)],
    }


def best_set(cells: list[dict[str, Any]]) -> list[str]:
    """Methods whose paired difference to the best one has an interval that holds zero (no correction)."""
    top = max(cells, key=lambda record: float(record["accuracy"]))
    kept = []
    for record in cells:
        gaps = np.array(top["right"], dtype=float) - np.array(record["right"], dtype=float)
        spread = 1.96 * gaps.std(ddof=1) / len(gaps) ** 0.5 if len(gaps) > 1 else 0.0
        if gaps.mean() - spread <= 0:
            kept.append(str(record["method"]))
    return kept


def run_cell(chosen: Any, model: str, name: str, method: str, seed: int) -> dict[str, Any]:
    """The cell, from a process of its own; with ``failed`` where it cannot be run."""
    key = {"model": model, "set": name, "method": method, "seed": seed}
    tagged = "tokens" in rows(chosen.data, name, "test")[0]
    reason = misfit(model, method, Output.TAGS if tagged else Output.LABEL)
    if reason is not None:
        return key | {"failed": reason}
    own = ["--data", str(chosen.data), "--rows", str(chosen.rows), "--cell", model, name, method, str(seed)]
    return key | own_process(f"{model} {name} {method} {seed}", *own, may_fail=True)


def main() -> None:
    """Run what is not there yet; print the table."""
    parser = options(__doc__)
    parser.add_argument("--sets", nargs="+", default=["trec"])
    parser.add_argument("--models", nargs="+", default=["all-MiniLM-L6-v2"])
    parser.add_argument("--methods", nargs="+", default=trained_methods())
    parser.add_argument("--rows", type=int, default=1_000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("bench-work/methods"))
    parser.add_argument("--minutes", type=float, default=0.0, help="start no cell after this many minutes; 0: no limit")
    parser.add_argument("--cell", nargs=4, help="internal: model, set, method and seed of one cell")
    parser.add_argument("--name", default="methods", help="name of the result file")
    chosen = parser.parse_args()
    if chosen.cell:
        model, name, method, seed = chosen.cell
        print(json.dumps(cell(chosen.data, model, name, method, chosen.rows, int(seed))))
        return
    wanted = list(product(chosen.models, chosen.sets, chosen.methods, range(chosen.seeds)))
    cells: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    store = Cells(chosen.work, chosen.minutes)
    for model, name, method, number in wanted:
        cell_name = f"{model}-{name}-{method}-{chosen.rows}-{number}"
        record = store.result(cell_name, partial(run_cell, chosen, model, name, method, number))
        if record is None:
            continue
        if "failed" in record:
            failed.append(record)
            print(f"{model:20} {name:8} {method:12} {number}  not run: {record['failed']}", flush=True)
            continue
        cells.append(record)
        print(
            f"{model:20} {name:8} {method:12} {number}  {record['accuracy']:.3f} "
            f"[{record['low']:.3f}, {record['high']:.3f}]  {record['trained_share']:8.3%}  {record['seconds']:5.0f} s  "
            f"{record['peak_memory_bytes'] / 1e6:5.0f} MB  {record['size_bytes'] / 1e6:4.0f} MB",
            flush=True,
        )
    groups = sorted({(record["model"], record["set"], record["seed"]) for record in cells})
    best = {
        f"{model}/{name}/{seed}": best_set(
            [record for record in cells if (record["model"], record["set"], record["seed"]) == (model, name, seed)]
        )
        for model, name, seed in groups
    }
    shown = [{key: value for key, value in record.items() if key != "right"} for record in cells]
    if store.missing:
        print(f"{store.missing} cells are missing; run the same command again.", flush=True)
    result = {
        "benchmark": "methods",
        "missing": store.missing,
        "failed": failed,
        "rows": chosen.rows,
        "scored_rows": SCORED,
        "best": best,
        "cells": shown,
    }
    keep(chosen.name, result | machine() | {"command": command_line()})
    sys.exit(75 if store.missing else 0)


if __name__ == "__main__":
    main()
