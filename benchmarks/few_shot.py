"""From 8 rows per label: `contrastive` against SetFit on the same model, rows and machine; `pet` and others on request.

Run:    python benchmarks/few_shot.py --setfit-python venvs/setfit/bin/python --minutes 9
        python benchmarks/few_shot.py --methods contrastive head_only --sets trec --splits 2
        python benchmarks/few_shot.py --methods pet contrastive --sets trec --pet-model minilm-mlm --name few_shot-pet
Needs:  the data folder; for SetFit an environment of its own with setfit 1.2.0, sentence-transformers and the same
        torch (its requirements are not ours), whose Python --setfit-python names; without one only ours run. A cell
        (set, split, method) takes 10 s to some minutes. An interrupted run continues: each cell is a file in
        --work. With --minutes no cell begins after that time; the code is then 75 while some are missing.

With --pet-model `pet` takes another model, such as MiniLM with a masked-LM head that it got from texts without labels:
`goldilocks pretrain texts.txt --from all-MiniLM-L6-v2 --epochs 5 --out minilm-mlm`.

Measured, each cell in a process of its own: accuracy on 500 test rows; seconds of training with the model already
loaded, and of everything; peak resident memory. Both sides train all-MiniLM-L6-v2 on the same 8 rows per label. SetFit
has its own defaults (1 epoch over sampled pairs, batches of 16, logistic regression as head) with at most --max-steps
steps (its own default: none; Banking77 has 616 rows and hence 188,496 pairs in an epoch), on float32 without an
evaluation. Paired differences of accuracy over all test rows of a set have 95 % bootstrap intervals. The last line of
output is one JSON object.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from bench_data import command_line, keep, machine, options, rows, sample
from cells import Cells, own_process

PER_LABEL = 8
SCORED = 500
MODEL = "all-MiniLM-L6-v2"
PET_MODEL = "SmolLM2-135M-Instruct"
PET_WORDS = {
    "sst2": {"0": "negative", "1": "positive"},
    "trec": {
        "ABBR": "abbreviation",
        "DESC": "description",
        "ENTY": "entity",
        "HUM": "person",
        "LOC": "place",
        "NUM": "number",
    },
}
"""Words of labels that are none."""
SETFIT = """
import json, resource, sys, time
from collections import Counter
begun = time.perf_counter()
import torch
from datasets import Dataset
from setfit import SetFitModel, Trainer, TrainingArguments
given = json.loads(sys.stdin.read())
model = SetFitModel.from_pretrained(given["model"])
train = Dataset.from_dict({"text": given["texts"], "label": given["gold"]})
# In SetFit a number of steps replaces the epochs. Its default epoch holds each pair of the more frequent kind (of one
# label or of two) once, and as many of the other.
counts = Counter(given["gold"]).values()
same = sum(count * (count - 1) // 2 for count in counts)
pairs = sum(counts) * (sum(counts) - 1) // 2
epoch = -(-2 * max(same, pairs - same) // 16)
steps = given["max_steps"] if 0 < given["max_steps"] < epoch else -1
arguments = TrainingArguments(batch_size=16, num_epochs=1, max_steps=steps, seed=given["seed"], report_to="none",
                              save_strategy="no", eval_strategy="no", output_dir=given["scratch"],
                              show_progress_bar=False)
trainer = Trainer(model=model, args=arguments, train_dataset=train)
started = time.perf_counter()
trainer.train()
seconds = time.perf_counter() - started
answers = [str(answer) for answer in model.predict(given["test"])]
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"answers": answers, "seconds": seconds, "all_seconds": time.perf_counter() - begun,
                  "peak_memory_bytes": peak, "threads": torch.get_num_threads()}))
"""


def split_of(entries: list[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """``PER_LABEL`` rows of each label, drawn with ``seed``."""
    rng = np.random.default_rng(seed)
    groups: dict[str, list[int]] = {}
    for place in rng.permutation(len(entries)).tolist():
        groups.setdefault(str(entries[place]["label"]), []).append(place)
    return [entries[place] for label in sorted(groups) for place in groups[label][:PER_LABEL]]


def ours(
    train: list[dict[str, Any]], test: list[str], name: str, method: str, seed: int, pet_model: str
) -> dict[str, Any]:
    """One run of a method of ours; ``pet_model``: a folder or a name of the catalogue."""
    begun = time.perf_counter()
    from goldilocks import plugins
    from goldilocks.catalog.fetch import folder_of
    from goldilocks.catalog.known import catalogue
    from goldilocks.records import Candidate, Goal, Part, Workload
    from goldilocks.support.machine.hardware import set_threads
    from goldilocks.tuning.run import Run, RunSetup

    set_threads()
    wanted = pet_model if method == "pet" else MODEL
    info = described(wanted) if Path(wanted).is_dir() else next(entry for entry in catalogue() if entry.name == wanted)
    texts, gold = [str(row["text"]) for row in train], [str(row["label"]) for row in train]
    part = Part(tuple(texts), tuple(gold), tuple(range(1, len(train) + 1)))
    characters, words = float(np.mean([len(t) for t in texts])), float(np.mean([len(t.split()) for t in texts]))
    labels = tuple(sorted(set(gold)))
    chosen = plugins.load("methods", method)
    given = chosen.Options(words=PET_WORDS.get(name, {})) if method == "pet" else chosen.Options()
    task = plugins.load("tasks", "text_classification")
    setup = RunSetup(
        folder_of(info, offline=True), Workload(len(part), characters, words, len(labels)), seed, options=given
    )
    run = Run(Candidate(info, method), part, Goal(labels=labels, instruction=task.INSTRUCTION), setup)
    run.predict(texts[:1])  # loads the model
    started = time.perf_counter()
    run.advance(1.0)
    model = run.model
    seconds = time.perf_counter() - started
    answers = [str(answer) for answer in model.predict(test).values]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "answers": answers,
        "seconds": seconds,
        "all_seconds": time.perf_counter() - begun,
        "peak_memory_bytes": peak,
    }


def described(folder: str) -> Any:
    """The model in a folder."""
    from goldilocks import plugins

    families = (plugins.load("families", family) for family in ("encoder", "decoder"))
    model = next((info for family in families if (info := family.describe(Path(folder), folder)) is not None), None)
    return model or sys.exit(f"{folder}: holds neither an encoder nor a decoder.")


def cell(chosen: Any, name: str, split: int, method: str) -> dict[str, Any]:
    """One run on one split, and what it took."""
    train = split_of(rows(chosen.data, name, "train"), split)
    test = sample(rows(chosen.data, name, "test"), chosen.scored, seed=0)
    texts = [str(row["text"]) for row in test]
    if method == "setfit":
        from goldilocks.catalog.fetch import folder_of
        from goldilocks.catalog.known import catalogue

        folder = folder_of(next(entry for entry in catalogue() if entry.name == MODEL), offline=True)
        given = {
            "model": str(folder),
            "texts": [str(row["text"]) for row in train],
            "gold": [str(row["label"]) for row in train],
            "test": texts,
            "max_steps": chosen.max_steps,
            "seed": split,
            "scratch": str(chosen.work / "setfit-scratch"),
        }
        done = subprocess.run(
            [chosen.setfit_python, "-c", SETFIT], input=json.dumps(given), capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(f"setfit: {(done.stderr.strip() or 'ended').splitlines()[-1]}")
        result = dict(json.loads(done.stdout.strip().splitlines()[-1]))
    else:
        result = ours(train, texts, name, method, split, chosen.pet_model)
    right = [int(answer == str(row["label"])) for answer, row in zip(result.pop("answers"), test, strict=True)]
    key = {"set": name, "split": split, "method": method, "rows": len(train), "scored": len(test)}
    return {**key, "accuracy": float(np.mean(right)), **result, "right": right}


def paired(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> dict[str, float]:
    """Mean difference of accuracy over splits and test rows; splits and rows are redrawn together."""
    gaps = np.array([np.array(a["right"]) - np.array(b["right"]) for a, b in zip(first, second, strict=True)], float)
    rng = np.random.default_rng(0)
    means = []
    for _ in range(2_000):
        picked = gaps[rng.integers(len(gaps), size=len(gaps))]
        means.append(picked[:, rng.integers(gaps.shape[1], size=gaps.shape[1])].mean())
    low, high = np.quantile(means, [0.025, 0.975])
    return {"difference": float(gaps.mean()), "low": float(low), "high": float(high)}


def main() -> None:
    """Run what is not there yet; print the table."""
    parser = options(__doc__)
    parser.add_argument("--sets", nargs="+", default=["sst2", "trec", "banking77"])
    parser.add_argument("--methods", nargs="+", default=["contrastive"])
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--scored", type=int, default=SCORED)
    parser.add_argument("--pet-model", default=PET_MODEL, help="model of `pet`: a folder, or a name of the catalogue")
    parser.add_argument("--setfit-python", default="", help="Python of the environment with setfit; empty: not run")
    parser.add_argument("--max-steps", type=int, default=1_000, help="most training steps of SetFit; -1: no limit")
    parser.add_argument("--minutes", type=float, default=0.0, help="start no cell after this many minutes; 0: no limit")
    parser.add_argument("--work", type=Path, default=Path("bench-work/few_shot"))
    parser.add_argument("--cell", nargs=3, help="internal: set, split and method of one cell")
    parser.add_argument("--name", default="few_shot", help="name of the result file")
    chosen = parser.parse_args()
    if chosen.cell:
        print(json.dumps(cell(chosen, chosen.cell[0], int(chosen.cell[1]), chosen.cell[2])))
        return
    methods = [*chosen.methods, *(["setfit"] if chosen.setfit_python else [])]
    cells: list[dict[str, Any]] = []
    store = Cells(chosen.work, chosen.minutes)
    for name, split, method in product(chosen.sets, range(chosen.splits), methods):
        model = f"-{Path(chosen.pet_model).name}" if method == "pet" and chosen.pet_model != PET_MODEL else ""
        arguments = [*sys.argv[1:], "--cell", name, str(split), method]
        record = store.result(
            f"{name}-{split}-{method}{model}-{chosen.scored}",
            partial(own_process, f"{name} {split} {method}", *arguments),
        )
        if record is None:
            continue
        cells.append(record)
        print(
            f"{name:10} {split}  {method:12} {record['accuracy']:.3f}  training {record['seconds']:6.1f} s  "
            f"all {record['all_seconds']:6.1f} s  {record['peak_memory_bytes'] / 1e6:5.0f} MB",
            flush=True,
        )
    result = {"benchmark": "few_shot", "missing": store.missing, "per_label": PER_LABEL, "max_steps": chosen.max_steps}
    if not store.missing:
        result |= {"comparison": compared(cells, methods)}
    shown = [{key: value for key, value in record.items() if key != "right"} for record in cells]
    keep(chosen.name, result | {"cells": shown} | machine() | {"command": command_line()})
    sys.exit(75 if store.missing else 0)


def compared(cells: list[dict[str, Any]], methods: list[str]) -> dict[str, Any]:
    """Each method against the last one (SetFit where it ran) on each set: paired accuracy, ratio of seconds."""
    table: dict[str, Any] = {}
    for name in dict.fromkeys(record["set"] for record in cells):
        of = {
            method: [record for record in cells if (record["set"], record["method"]) == (name, method)]
            for method in methods
        }
        for method in methods[:-1]:
            gap = paired(of[method], of[methods[-1]])
            times = [np.median([record["seconds"] for record in of[which]]) for which in (methods[-1], method)]
            table[f"{name}: {method} against {methods[-1]}"] = gap | {"times_faster": float(times[0] / times[1])}
    return table


if __name__ == "__main__":
    main()
