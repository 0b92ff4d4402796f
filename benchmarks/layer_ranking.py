"""How long does it take to rank the layers of MiniLM for a task, and how much does the layer ranked first lose?

Run:    python benchmarks/layer_ranking.py --peer-python /path/to/venv/bin/python
Needs:  the data folder; a Python with transformer-ranker 0.2.0 and torch for the other side; about 10 minutes.

Sides:    ours   features of every layer in one pass, then the estimator on each layer
          peer   transformer-ranker 0.2.0 with ``layer_aggregator="bestlayer"`` and the same estimator, batches of 64
Measured: wall-clock seconds from rows to scores, loading the model included and imports left out; each run a process
          of its own, sides in turn. Regret: test accuracy of a linear probe on the truly best layer minus that on the
          layer ranked first, both fitted on the same 1,500 training rows. The last line is one JSON object.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from bench_data import keep, machine, options, rows, sample, write_rows

from goldilocks import plugins
from goldilocks.catalog.fetch import folder_of
from goldilocks.catalog.known import catalogue
from goldilocks.records import Goal, ModelInfo, Part
from goldilocks.support.machine.hardware import set_threads

SETS = ("trec", "banking77")
ESTIMATORS = {"h_score": "hscore", "log_me": "logme"}
ROWS = 1_500


def minilm() -> ModelInfo:
    """Facts of the encoder."""
    return next(entry for entry in catalogue() if entry.name == "all-MiniLM-L6-v2")


def features(texts: list[str], labels: list[str]) -> np.ndarray[Any, Any]:
    """Mean-pooled states of every layer, ``(n_texts, n_layers + 1, width)``."""
    facts = minilm()
    network: Any = plugins.load("families", facts.family).create(
        facts, folder_of(facts, offline=True), Part(), Goal(labels=tuple(sorted(set(labels)))), seed=0
    )
    return np.asarray(network.features(texts))


def ours(path: Path, estimator: str) -> dict[str, Any]:
    """Our side, in this process."""
    set_threads()
    begun = time.perf_counter()
    import torch

    from goldilocks.nets import network

    assert torch
    assert network
    plugin = plugins.load("estimators", estimator)
    imported = time.perf_counter() - begun
    result = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    begun = time.perf_counter()
    labels = [match["label"] for match in result]
    numbers = np.unique(labels, return_inverse=True)[1]
    layers = features([match["text"] for match in result], labels)
    scores = [plugin.estimate(layers[:, layer], numbers, seed=0) for layer in range(1, layers.shape[1])]
    return {"seconds": time.perf_counter() - begun, "import_seconds": imported, "scores": [None, *scores]}


def probe_accuracies(train: list[dict[str, Any]], test: list[dict[str, Any]]) -> list[float]:
    """Test accuracy of scikit-learn's logistic regression on each layer (the embeddings first)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    gold = [str(entry["label"]) for entry in train]
    learnt = features([entry["text"] for entry in train], gold)
    held = features([entry["text"] for entry in test], gold)
    answers = [str(entry["label"]) for entry in test]
    result = []
    for layer in range(learnt.shape[1]):
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300))
        probe.fit(learnt[:, layer], gold)
        result.append(float(probe.score(held[:, layer], answers)))
    return result


def regret(scores: list[float | None], accuracies: list[float]) -> float:
    """Accuracy lost by the layer ranked first, against the best of the layers ranked."""
    ranked = [layer for layer, score in enumerate(scores) if score is not None]
    first = max(ranked, key=lambda layer: scores[layer] or float("-inf"))
    return max(accuracies[layer] for layer in ranked) - accuracies[first]


def main() -> None:
    """Both sides in turn."""
    parser = options(__doc__)
    parser.add_argument("--peer-python", type=Path, help="a Python that has transformer-ranker 0.2.0")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--side", nargs=2, metavar=("FILE", "ESTIMATOR"), help="our side alone")
    chosen = parser.parse_args()
    if chosen.side:
        print(json.dumps(ours(Path(chosen.side[0]), chosen.side[1])))
        return
    model = str(folder_of(minilm(), offline=True))
    result: dict[str, Any] = {"benchmark": "layer_ranking", "rows": ROWS, "seed": 0, "sets": {}}
    with tempfile.TemporaryDirectory() as folder:
        for name in SETS:
            train = sample(rows(chosen.data, name, "train"), ROWS, seed=0)
            path = Path(folder) / f"{name}.jsonl"
            write_rows(path, train)
            accuracies = probe_accuracies(train, rows(chosen.data, name, "test"))
            result["sets"][name] = {"layer_test_accuracies": accuracies}
            for estimator, theirs in ESTIMATORS.items():
                commands = {"ours": [sys.executable, __file__, "--side", str(path), estimator]}
                if chosen.peer_python:
                    script = str(Path(__file__).with_name("layer_ranking_peer.py"))
                    commands["peer"] = [str(chosen.peer_python), script, model, str(path), theirs]
                runs: dict[str, list[dict[str, Any]]] = {side: [] for side in commands}
                for _ in range(chosen.repeats):
                    for side, command in commands.items():
                        done = subprocess.run(command, capture_output=True, text=True, check=True)
                        runs[side].append(json.loads(done.stdout.strip().splitlines()[-1]))
                summary: dict[str, Any] = {
                    side: {
                        "seconds_median": statistics.median(match["seconds"] for match in got),
                        "seconds_all": [match["seconds"] for match in got],
                        "scores": got[0]["scores"],
                        "regret": regret(got[0]["scores"], accuracies),
                    }
                    for side, got in runs.items()
                }
                if "peer" in summary:
                    summary["ratio"] = summary["peer"]["seconds_median"] / summary["ours"]["seconds_median"]
                result["sets"][name][estimator] = summary
                print(
                    name,
                    estimator,
                    {side: round(value["seconds_median"], 2) for side, value in summary.items() if side != "ratio"},
                )
    keep("layer_ranking", result | machine())


if __name__ == "__main__":
    main()
