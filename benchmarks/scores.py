"""How good is MiniLM tuned by this project on well-known sets? The table in the README.

Run:    python benchmarks/scores.py --seeds 3
Needs:  the data folder; about 15 minutes on 2 cores.

Measured: test accuracy of encoder/all-MiniLM-L6-v2/full with the default recipe, trained on the whole official training
part (SMS spam has no official split: a seeded 80/20 one), for each seed; tuning seconds. Nothing is chosen on test.
The last line of output is one JSON object.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from bench_data import keep, machine, options, rows, sample

from goldilocks import plugins
from goldilocks.catalog.fetch import folder_of
from goldilocks.catalog.known import catalogue
from goldilocks.records import Candidate, Part, Workload
from goldilocks.support.hardware import set_threads

SETS = {"banking77": ("train", "test"), "trec": ("train", "test"), "sst2": ("train", "test"), "sms_spam": ("all", None)}


def parts(data: Path, name: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Training and test rows."""
    train_name, test_name = SETS[name]
    train = rows(data, name, train_name)
    if test_name is not None:
        return train, rows(data, name, test_name)
    held_out = {id(one) for one in sample(train, len(train) // 5, seed=0)}
    return [one for one in train if id(one) not in held_out], [one for one in train if id(one) in held_out]


def one_run(train: list[dict[str, Any]], test: list[dict[str, Any]], seed: int) -> dict[str, float]:
    """Test accuracy and tuning seconds."""
    from goldilocks.tune.run import Run

    facts = next(one for one in catalogue() if one.name == "all-MiniLM-L6-v2")
    part = Part(
        tuple(one["text"] for one in train), tuple(str(one["label"]) for one in train), tuple(range(1, len(train) + 1))
    )
    labels = tuple(sorted(set(part.gold)))
    words = float(np.mean([len(text.split()) for text in part.texts]))
    characters = float(np.mean([len(text) for text in part.texts]))
    work = Workload(len(part), characters, words, len(labels))
    run = Run(Candidate(facts, "full"), part, labels, model_folder=folder_of(facts, offline=True), work=work, seed=seed)
    begun = time.perf_counter()
    run.advance(1.0)
    seconds = time.perf_counter() - begun
    answers = run.predict([one["text"] for one in test]).argmax(1)
    right = [labels[i] == str(one["label"]) for i, one in zip(answers, test, strict=True)]
    return {"accuracy": float(np.mean(right)), "seconds": seconds}


def main() -> None:
    """Score every set with every seed."""
    parser = options(__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    chosen = parser.parse_args()
    set_threads()
    result: dict[str, Any] = {"benchmark": "scores", "candidate": "encoder/all-MiniLM-L6-v2/full", "sets": {}}
    assert plugins.names("families")
    for name in chosen.sets:
        train, test = parts(chosen.data, name)
        runs = [one_run(train, test, seed) for seed in range(chosen.seeds)]
        accuracies = [one["accuracy"] for one in runs]
        result["sets"][name] = {
            "train_rows": len(train),
            "test_rows": len(test),
            "accuracy_mean": float(np.mean(accuracies)),
            "accuracy_all": accuracies,
            "seconds_all": [one["seconds"] for one in runs],
        }
        print(f"{name}: {np.mean(accuracies):.4f} over seeds {accuracies}, {len(test)} test rows")
    keep("scores", result | machine())


if __name__ == "__main__":
    main()
