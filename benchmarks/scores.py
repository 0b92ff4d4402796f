"""What does MiniLM, fine-tuned by this project, score on well-known data sets? The table in the README.

Run:    python benchmarks/scores.py --seeds 3
        python benchmarks/scores.py --seeds 2 --sets sst2 --rows 20000   (the records of the other sets stay)
Needs:  the data folder; about 15 minutes on 2 cores. An interrupted run continues (--work).

Measured: test accuracy of encoder/all-MiniLM-L6-v2/full with the default training config, trained on the whole official
training part (SMS spam has no official split: a seeded 80/20 one) or, with --rows, on so many rows of it drawn with
seed 0, for each seed; tuning seconds and the threads they took. Nothing is chosen on test. The last line of output is
one JSON object.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from bench_data import RESULTS, keep, machine, options, rows, sample

from goldilocks import plugins
from goldilocks.catalog.fetch import folder_of
from goldilocks.catalog.known import catalogue
from goldilocks.records import Candidate, Goal, Part, Workload
from goldilocks.support.machine.hardware import set_threads
from goldilocks.support.scoring.statistics import wilson

SETS = {"banking77": ("train", "test"), "trec": ("train", "test"), "sst2": ("train", "test"), "sms_spam": ("all", None)}


def parts(data: Path, name: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Training and test rows."""
    train_name, test_name = SETS[name]
    train = rows(data, name, train_name)
    if test_name is not None:
        return train, rows(data, name, test_name)
    held_out = {id(entry) for entry in sample(train, len(train) // 5, seed=0)}
    return [entry for entry in train if id(entry) not in held_out], [entry for entry in train if id(entry) in held_out]


def one_run(train: list[dict[str, Any]], test: list[dict[str, Any]], seed: int) -> dict[str, float]:
    """Test accuracy and tuning seconds."""
    from goldilocks.tuning.run import Run, RunSetup

    facts = next(entry for entry in catalogue() if entry.name == "all-MiniLM-L6-v2")
    part = Part(
        tuple(entry["text"] for entry in train),
        tuple(str(entry["label"]) for entry in train),
        tuple(range(1, len(train) + 1)),
    )
    labels = tuple(sorted({str(entry["label"]) for entry in train}))
    words = float(np.mean([len(entry["text"].split()) for entry in train]))
    characters = float(np.mean([len(entry["text"]) for entry in train]))
    work = Workload(len(part), characters, words, len(labels))
    folder = folder_of(facts, offline=True)
    run = Run(Candidate(facts, "full"), part, Goal(labels=labels), RunSetup(model_folder=folder, work=work, seed=seed))
    begun = time.perf_counter()
    run.advance(1.0)
    seconds = time.perf_counter() - begun
    answers = run.predict([entry["text"] for entry in test]).values
    right = [answer == str(entry["label"]) for answer, entry in zip(answers, test, strict=True)]
    return {"accuracy": float(np.mean(right)), "seconds": seconds}


def main() -> None:
    """Score every set with every seed."""
    parser = options(__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=list(SETS))
    parser.add_argument("--rows", type=int, default=0, help="at most this many training rows; 0: all")
    parser.add_argument("--work", type=Path, default=Path("bench-work/scores"))
    chosen = parser.parse_args()
    threads = set_threads()
    chosen.work.mkdir(parents=True, exist_ok=True)
    kept = RESULTS / "scores.json"
    sets: dict[str, Any] = json.loads(kept.read_text())["sets"] if kept.exists() else {}
    assert plugins.names("families")
    for name in chosen.sets:
        train, test = parts(chosen.data, name)
        train = sample(train, chosen.rows or len(train), seed=0)
        runs = []
        for seed in range(chosen.seeds):
            file = chosen.work / f"{name}-{len(train)}-{seed}.json"
            if not file.exists():
                file.write_text(json.dumps(one_run(train, test, seed) | {"threads": threads}))
            runs.append(json.loads(file.read_text()))
            print(f"{name} seed {seed}: {runs[-1]['accuracy']:.4f} in {runs[-1]['seconds']:.0f} s", flush=True)
        accuracies = [run["accuracy"] for run in runs]
        mean = float(np.mean(accuracies))
        low, high = wilson(round(mean * len(test)), len(test))
        sets[name] = {
            "train_rows": len(train),
            "test_rows": len(test),
            "accuracy_mean": mean,
            "interval_95_of_the_test_rows": [low, high],
            "seeds_standard_deviation": float(np.std(accuracies, ddof=1)) if len(runs) > 1 else None,
            "accuracy_all": accuracies,
            "seconds_all": [run["seconds"] for run in runs],
            "threads": [run["threads"] for run in runs],
        } | machine()
        print(f"{name}: {mean:.4f} ({low:.4f} to {high:.4f}) over seeds {accuracies}, {len(test)} test rows")
    keep("scores", {"benchmark": "scores", "candidate": "encoder/all-MiniLM-L6-v2/full", "sets": sets})


if __name__ == "__main__":
    main()
