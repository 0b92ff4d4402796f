"""What is the effect of one field of a training config? On training rows that no search and no other test uses.

Run:    python benchmarks/training_config.py --variants "" "layer_ratio=1"
        python benchmarks/training_config.py --set trec --rows 2400 --variants "" "layer_ratio=1" "learning_rate=2e-4"
Needs:  the data folder; about 3 minutes a variant and seed on 2 cores. An interrupted run continues (--work).

Measured: accuracy of encoder/all-MiniLM-L6-v2 by ``--method``, tuned on ``--rows`` of the training rows that
``select_speed.py`` draws too, on up to 4,000 of the training rows it leaves out; seconds of tuning. A variant names
fields of the training config; the empty one is the family's own. With several seeds, each redraws rows and order, and
variants are compared seed by seed on the same rows: the mean difference to the first variant, and the standard error
of that difference over the scored rows of all seeds. The test part is not read. The last line of output is one JSON
object.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
from bench_data import keep, machine, options, rows, sample

from goldilocks.catalog.fetch import folder_of
from goldilocks.catalog.known import catalogue
from goldilocks.records import Candidate, Goal, Part, TrainingConfig, Workload
from goldilocks.settings import with_training
from goldilocks.support.machine.hardware import set_threads
from goldilocks.tuning.run import Run, RunSetup

DRAWN = {"banking77": 4_000, "trec": 3_000}
"""Set -> training rows that a search may see; the rest is what variants are scored on."""
SCORED = 4_000


def parts(data: Path, name: str, most: int, seed: int) -> tuple[Part, Part, tuple[str, ...]]:
    """Rows to tune on, rows to score on, labels."""
    result = rows(data, name, "train")
    drawn = sample(result, DRAWN[name], seed=0)
    seen = {id(entry) for entry in drawn}
    left = sample([match for match in result if id(match) not in seen], SCORED, seed=1)
    return (
        part_of(sample(drawn, most, seed=seed)),
        part_of(left),
        tuple(sorted({str(match["label"]) for match in result})),
    )


def part_of(result: list[dict[str, Any]]) -> Part:
    """Rows as tuning takes them."""
    texts, gold = tuple(str(match["text"]) for match in result), tuple(str(match["label"]) for match in result)
    return Part(texts, gold, tuple(range(1, len(result) + 1)))


def changed(config: TrainingConfig, variant: str) -> TrainingConfig:
    """The training config with the fields of a variant."""
    return with_training(
        config, {name: type(getattr(config, name))(float(value)) for name, value in parse_qsl(variant)}
    )


def one_run(train: Part, held_out: Part, labels: tuple[str, ...], method: str, variant: str, seed: int) -> Any:
    """Which rows were answered rightly, the training config, seconds."""
    facts = next(entry for entry in catalogue() if entry.name == "all-MiniLM-L6-v2")
    texts = [str(text) for text in train.texts]
    characters, words = (
        float(np.mean([len(text) for text in texts])),
        float(np.mean([len(text.split()) for text in texts])),
    )
    run = Run(
        Candidate(facts, method),
        train,
        Goal(labels=labels),
        RunSetup(
            model_folder=folder_of(facts, offline=True),
            work=Workload(len(train), characters, words, len(labels)),
            seed=seed,
        ),
    )
    assert run.config is not None
    run.config = changed(run.config, variant)
    begun = time.perf_counter()
    run.advance(1.0)
    seconds = time.perf_counter() - begun
    answers = run.predict(held_out.texts).values
    right = [int(answer == other) for answer, other in zip(answers, held_out.gold, strict=True)]
    return {"seconds": seconds, "accuracy": float(np.mean(right)), "right": right, "recipe": asdict(run.config)}


def main() -> None:
    """Run what is not there yet; compare."""
    parser = options(__doc__)
    parser.add_argument("--set", default="banking77", choices=sorted(DRAWN))
    parser.add_argument("--rows", type=int, default=3_400)
    parser.add_argument("--method", default="full")
    parser.add_argument("--variants", nargs="+", default=["", "layer_ratio=1"], help="fields, as a=1&b=2")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("bench-work/training_config"))
    chosen = parser.parse_args()
    set_threads()
    chosen.work.mkdir(parents=True, exist_ok=True)
    runs: dict[str, list[Any]] = {}
    for seed in range(chosen.seeds):
        train, held_out, labels = parts(chosen.data, chosen.set, chosen.rows, seed)
        for variant in chosen.variants:
            file = chosen.work / f"{chosen.set}-{len(train)}-{chosen.method}-{variant or 'own'}-{seed}.json"
            if not file.exists():
                file.write_text(json.dumps(one_run(train, held_out, labels, chosen.method, variant, seed)))
            run = json.loads(file.read_text())
            runs.setdefault(variant, []).append(run)
            print(f"{variant or 'own':30} seed {seed}: {run['accuracy']:.4f} in {run['seconds']:.0f} s", flush=True)
    first = np.concatenate([run["right"] for run in runs[chosen.variants[0]]])
    got: dict[str, Any] = {}
    for variant, of_seeds in runs.items():
        gaps = np.concatenate([of_seed["right"] for of_seed in of_seeds]) - first
        got[variant] = {
            "accuracy_all": [of_seed["accuracy"] for of_seed in of_seeds],
            "minus_first": float(gaps.mean()),
            "standard_error": float(gaps.std(ddof=1) / len(gaps) ** 0.5),
            "seconds_all": [of_seed["seconds"] for of_seed in of_seeds],
            "recipe": of_seeds[0]["recipe"],
        }
    result = {"benchmark": "training_config", "set": chosen.set, "method": chosen.method, "train_rows": chosen.rows}
    keep(f"training_config-{chosen.set}", result | {"scored_rows": len(held_out), "variants": got} | machine())


if __name__ == "__main__":
    main()
