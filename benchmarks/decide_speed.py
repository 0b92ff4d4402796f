"""How much processor time does one decision take, and how does it grow with candidates and items?

Run:    python benchmarks/decide_speed.py --repeats 5 --out benchmarks/results/decide_speed.json
Needs:  CPU only, about a minute. The result of record is benchmarks/results/decide_speed.json.

Measured: processor seconds of ``selection.decide.decide`` (posterior, best set, P(best), regret, decision map) from
answers in memory, the median of the repeats; two labels, errors simulated with true losses between .05 and .4 (seed 0).
The last line of output is one JSON object; everything above it is for people.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from pathlib import Path

import numpy as np

from goldilocks import plugins
from goldilocks.protocols import Metric
from goldilocks.records import Candidate, Cost, DataSpec, Footprint, Measured, ModelInfo, TaskSpec, Trial
from goldilocks.selection.decide import decide
from goldilocks.selection.loss_table import Finished

SIZES = ((10, 500), (100, 500), (500, 500), (2_000, 500), (100, 2_000), (500, 2_000))
"""Candidates and items."""
METRICS = ("accuracy", "macro_f1")
SPEC = TaskSpec(name="speed", data=DataSpec(train="rows.csv"), folder=Path())


def simulated(n_candidates: int, n_items: int) -> tuple[list[Finished], list[str]]:
    """Finished candidates and the gold labels of the validation items."""
    rng = np.random.default_rng(0)
    gold = np.array(["a", "b"])[rng.integers(0, 2, n_items)]
    flipped = np.where(gold == "a", "b", "a")
    finished = []
    for number, rate in enumerate(rng.uniform(0.05, 0.4, n_candidates)):
        wrong = rng.random(n_items) < rate
        answers = tuple(np.where(wrong, flipped, gold).tolist())
        candidate = Candidate(
            ModelInfo(f"m{number}", "cnn", "builtin", "", "none", ("*",), "none-needed", 1, 1), "scratch"
        )
        right = float(1 - wrong.mean())
        trial = Trial(
            candidate.name,
            rung=2,
            share=1.0,
            seconds=1.0,
            score=Measured(right, right, right, n_items, "accuracy"),
            loss=1 - right,
            predictions="",
            seconds_per_text=1e-3,
            elapsed=0.0,
            predicted_seconds=1.0,
            value=0.0,
            why="",
            data_fingerprint="0" * 16,
        )
        latency = Measured(5.0, 5.0, 5.0, 50, "ms")
        cost = Cost(tuning=float(rng.uniform(0, 5)), labour=0, requests=0, memory=0, storage=0)
        footprint = Footprint(0.5, latency, latency, 1000.0, 10**8, 10**6)
        finished.append(Finished(candidate, trial, answers, 1.0, footprint, cost))
    return finished, gold.tolist()


def measured(metric: Metric, n_candidates: int, n_items: int, repeats: int) -> list[float]:
    """Processor seconds of each repeat; one untimed run before."""
    finished, gold = simulated(n_candidates, n_items)
    taken = []
    for _ in range(repeats + 1):
        start = time.process_time()
        decide(finished, gold, metric, SPEC)
        taken.append(round(time.process_time() - start, 4))
    return taken[1:]


def main() -> None:
    """Measure every size with every metric."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    rows = []
    for name in METRICS:
        metric: Metric = plugins.load("metrics", name)
        for n_candidates, n_items in SIZES:
            runs = measured(metric, n_candidates, n_items, arguments.repeats)
            median = statistics.median(runs)
            rows.append(
                {"metric": name, "candidates": n_candidates, "items": n_items, "median_seconds": median, "runs": runs}
            )
            print(f"{name:9} {n_candidates:5} candidates {n_items:5} items  {median:.3f} s", flush=True)
    result = {
        "benchmark": "decide_speed",
        "seed": 0,
        "rows": rows,
        "machine": {"processor": platform.processor() or platform.machine(), "load_average": os.getloadavg()[0]},
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
    }
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
