"""How short may a fine-tuning schedule be before something cheaper is as good in the same seconds?

Run:    python benchmarks/short_schedules.py --minutes 20
        python benchmarks/short_schedules.py --cases trec:all-MiniLM-L6-v2 --seen 500 1000
Needs:  the data folder, all-MiniLM-L6-v2 and multilingual-e5-small; about 25 minutes on one core. Stopped and started
        again it goes on: each cell is a file in --work. With --minutes no cell begins after that time.

A cell is one candidate with one learning-rate schedule that decays to zero when so many training rows were seen (rows
are seen more than once where the set has fewer): a complete, short run. Trained on at most --rows rows of a set's
training part and scored on 1,000 other rows of the same part, never on its test part. The sets are those that the
project is developed on. Measured: accuracy on the held-out rows, processor seconds of training (all threads; loading
is in them). The last line of output is one JSON object.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from bench_data import keep, machine, options, rows, sample

from goldilocks.catalog.fetch import folder_of
from goldilocks.records import Candidate, Goal, Workload
from goldilocks.support.machine.hardware import set_threads
from goldilocks.tuning.run import Run, RunSetup
from methods import info_of, part_of

CASES = (
    "trec:all-MiniLM-L6-v2",
    "airline_tweets:all-MiniLM-L6-v2",
    "tnews:multilingual-e5-small-q4",
    "ag_news:all-MiniLM-L6-v2",
)
PARTS = {"ag_news": "train_part", "airline_tweets": "stream"}
"""Training parts with another name than ``train``."""
METHODS = ("full", "top_layers", "lora")
SEEN = (500, 1_000, 2_000, 4_000, 8_000)
HELD_OUT = 1_000


def cell(data: Path, case: str, method: str, seen: int, most: int) -> dict[str, Any]:
    """One complete run; ``seen`` of 0 is the method's own schedule."""
    name, _, model = case.partition(":")
    set_threads()
    drawn = sample(rows(data, name, PARTS.get(name, "train")), most + HELD_OUT, seed=0)
    order = np.random.default_rng(0).permutation(len(drawn))
    held_out = part_of([drawn[place] for place in order[:HELD_OUT]])
    train = part_of([drawn[place] for place in order[HELD_OUT:]])
    info = info_of(model)
    characters = float(np.mean([len(str(text)) for text in train.texts]))
    words = float(np.mean([len(str(text).split()) for text in train.texts]))
    labels = tuple(sorted({str(label) for label in (*train.gold, *held_out.gold)}))
    work = Workload(len(train), characters, words, len(labels))
    training = {"epochs": seen / len(train)} if seen else {}
    setup = RunSetup(folder_of(info, offline=True), work, seed=0, training=training)
    run = Run(Candidate(info, method), train, Goal(labels=labels), setup)
    begun, used = time.perf_counter(), time.process_time()
    run.advance(1.0)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - used
    assert run.config is not None
    right = [answer == gold for answer, gold in zip(run.predict(held_out.texts).values, held_out.gold, strict=True)]
    return {
        "case": case,
        "method": method,
        "seen": seen or round(run.config.epochs * len(train)),
        "own_schedule": not seen,
        "rows": len(train),
        "labels": len(labels),
        "accuracy": float(np.mean(right)),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
    }


def main() -> None:
    """Run what is not there yet; print the table."""
    parser = options(__doc__)
    parser.add_argument("--cases", nargs="+", default=list(CASES), help="set:model")
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--seen", nargs="+", type=int, default=list(SEEN), help="rows seen; 0: the full schedule")
    parser.add_argument("--rows", type=int, default=8_000)
    parser.add_argument("--minutes", type=float, default=0.0, help="begin no cell after so many minutes; 0: no limit")
    parser.add_argument("--work", type=Path, default=Path("bench-work/short_schedules"))
    parser.add_argument("--cell", nargs=3, help="internal: case, method and rows seen of one cell")
    chosen = parser.parse_args()
    if chosen.cell:
        case, method, seen = chosen.cell
        print(json.dumps(cell(chosen.data, case, method, int(seen), chosen.rows)))
        return
    chosen.work.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    wanted = [("head_only", 0), *((method, seen) for seen in chosen.seen for method in chosen.methods)]
    cells: list[dict[str, Any]] = []
    for case in chosen.cases:
        for method, seen in wanted:
            file = chosen.work / f"{case.replace(':', '-')}-{method}-{seen}-{chosen.rows}.json"
            if not file.exists():
                if chosen.minutes and time.monotonic() - begun > 60 * chosen.minutes:
                    continue
                own = ["--data", str(chosen.data), "--rows", str(chosen.rows), "--cell", case, method, str(seen)]
                done = subprocess.run([sys.executable, __file__, *own], capture_output=True, text=True, check=True)
                file.write_text(done.stdout.strip().splitlines()[-1])
            record = json.loads(file.read_text())
            cells.append(record)
            print(
                f"{case:36} {method:12} {record['seen']:6} rows seen  {record['accuracy']:.3f}  "
                f"{record['cpu_seconds']:6.1f} s",
                flush=True,
            )
    result = {"benchmark": "short_schedules", "held_out": HELD_OUT, "seed": 0, "cells": cells}
    keep("short_schedules", result | {"load_average": os.getloadavg(), "machine": machine()})


if __name__ == "__main__":
    main()
