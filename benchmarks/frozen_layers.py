"""How much time does keeping the output of frozen layers save, at the same score?

Run:    python benchmarks/frozen_layers.py --seeds 3
        python benchmarks/frozen_layers.py --seeds 1 --rows 200 --test 50 --name trial
Needs:  CPU only; the data folder. About 9 minutes per seed on one core. Stopped and started again it goes
        on: each run is a file in --work.

Sides:    cached   the output of the frozen layers is computed once for every training row (``tuning/cache.py``)
          rerun    the same with the cache turned off: frozen layers run in every epoch
Measured: wall-clock and processor seconds of training all-MiniLM-L6-v2 on TREC's coarse labels for --epochs epochs,
          once the model is loaded and the rows are tokenized, with ``head_only`` and with ``top_layers`` (2 of 6
          blocks); accuracy on the test rows; peak memory of the process. Every run is a process of its own, the sides
          in turn.
          Reported: medians over the seeds, and the median of the ratios rerun / cached within a seed. The last line of
          output is one JSON object.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import sys
import time
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from bench_data import command_line, keep, machine, options, rows, sample
from cells import Cells, own_process

MODEL = "all-MiniLM-L6-v2"
METHODS: dict[str, dict[str, Any]] = {"head_only": {}, "top_layers": {"layers": 2}}
"""Method -> its options."""
SIDES = ("cached", "rerun")


def one_run(chosen: Any, method: str, side: str, seed: int) -> dict[str, Any]:
    """Train and score one side in this process."""
    from goldilocks import plugins
    from goldilocks.catalog.fetch import folder_of
    from goldilocks.catalog.known import catalogue
    from goldilocks.records import Candidate, Goal, Part, Workload
    from goldilocks.support.machine.hardware import set_threads
    from goldilocks.tuning import cache
    from goldilocks.tuning.run import Run, RunSetup

    threads = set_threads()
    if side == "rerun":
        cache.LIMIT_BYTES = -1  # nothing fits
    train = sample(rows(chosen.data, "trec", "train"), chosen.rows, seed) if chosen.rows else None
    train = train or rows(chosen.data, "trec", "train")
    test = rows(chosen.data, "trec", "test")[: chosen.test or None]
    texts, gold = tuple(str(row["text"]) for row in train), tuple(str(row["label"]) for row in train)
    labels = tuple(sorted(set(gold)))
    part = Part(texts, gold, tuple(range(1, len(texts) + 1)))
    words = float(np.mean([len(text.split()) for text in texts]))
    work = Workload(len(part), float(np.mean([len(text) for text in texts])), words, len(labels))
    info = next(entry for entry in catalogue() if entry.name == MODEL)
    chosen_options = plugins.load("methods", method).Options(**METHODS[method])
    training = {"epochs": chosen.epochs}
    setup = RunSetup(folder_of(info, offline=True), work, seed, options=chosen_options, training=training)
    run = Run(Candidate(info, method), part, Goal(labels=labels), setup)
    run.predict(texts[:1])  # loads and tokenizes
    begun, processor = time.perf_counter(), time.process_time()
    run.advance(1.0)
    seconds, processor = time.perf_counter() - begun, time.process_time() - processor
    answers = run.model.predict([str(row["text"]) for row in test]).values
    right = [answer == str(row["label"]) for answer, row in zip(answers, test, strict=True)]
    return {
        "method": method,
        "side": side,
        "seed": seed,
        "seconds": seconds,
        "processor_seconds": processor,
        "accuracy": float(np.mean(right)),
        "loss": run.loss,
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "threads": threads,
        "load": os.getloadavg()[0],
    }


def main() -> None:
    """Run what is not there yet, the sides in turn; print the table."""
    parser = options(__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=0, help="training rows; 0: all 5,452")
    parser.add_argument("--test", type=int, default=0, help="test rows; 0: all 500")
    parser.add_argument("--epochs", type=float, default=5.0)
    parser.add_argument("--work", type=Path, default=Path("bench-work/frozen_layers"))
    parser.add_argument("--run", nargs=3, help="internal: method, side and seed of one run")
    parser.add_argument("--name", default="frozen_layers", help="name of the result file")
    chosen = parser.parse_args()
    if chosen.run:
        print(json.dumps(one_run(chosen, chosen.run[0], chosen.run[1], int(chosen.run[2]))))
        return
    store = Cells(chosen.work)
    runs: list[dict[str, Any]] = []
    for seed, method in product(range(chosen.seeds), METHODS):
        for side in SIDES if seed % 2 == 0 else SIDES[::-1]:
            arguments = [*sys.argv[1:], "--run", method, side, str(seed)]
            run = store.result(
                f"{method}-{side}-{seed}-{chosen.rows}-{chosen.test}-{chosen.epochs:g}",
                partial(own_process, f"{method} {side} {seed}", *arguments),
            )
            assert run is not None
            runs.append(run)
            print(
                f"{method:10} {side:6} seed {seed}: {run['seconds']:6.1f} s (processor {run['processor_seconds']:.1f} "
                f"s), accuracy {run['accuracy']:.3f}, {run['peak_memory_bytes'] / 1e6:.0f} MB",
                flush=True,
            )
    result = {"benchmark": "frozen_layers", "rows": chosen.rows, "test": chosen.test, "epochs": chosen.epochs}
    keep(chosen.name, result | {"summary": summary(runs), "runs": runs} | machine() | {"command": command_line()})


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Of each method the medians of both sides, and how many times as long ``rerun`` took."""
    table: dict[str, Any] = {}
    for method in METHODS:
        of = {side: [run for run in runs if (run["method"], run["side"]) == (method, side)] for side in SIDES}
        figures = ("seconds", "processor_seconds", "accuracy", "peak_memory_bytes")
        table[method] = {
            side: {name: statistics.median(run[name] for run in of[side]) for name in figures} for side in SIDES
        }
        for name in figures[:2]:
            pairs = zip(of["rerun"], of["cached"], strict=True)
            ratios = [without[name] / kept[name] for without, kept in pairs]
            table[method][f"{name} ratio"] = {"median": statistics.median(ratios), "each": ratios}
        print(f"{method}: rerun / cached {table[method]['processor_seconds ratio']['median']:.2f} (processor seconds)")
    return table


if __name__ == "__main__":
    main()
