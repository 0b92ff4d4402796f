r"""What do adversarial training, augmentation, unlabelled rows and ensembles add, on clean and on perturbed test rows?

Run:    python benchmarks/training_gains.py --minutes 40
        python benchmarks/training_gains.py --sets trec --treatments fgm r_drop --seeds 5 --name training_gains-more
Needs:  the data folder; CPU only. A plain cell takes about half a minute (trec) to two (tnews) on a quiet core, the
        others up to three times as long. Stopped and started again it goes on: each cell is a file in --work, and cells
        that are there are not run again. With --minutes it begins no cell after that time and ends with code 75 while
        some are missing: call it again. A cell that failed is kept with its reason; remove its file to try it again.

Each seed draws its own training rows; all treatments of a seed train on the same ones, with the same initial head and
order of batches. Treatments with unlabelled rows get --unlabelled further rows of the training file without their
labels. Copies by an augmenter stand beside the rows they were made from and shorten the epochs, so that the number of
steps is that of the plain run. An ensemble is the mean of the probabilities of three plain runs on the same rows that
differ by their seed.

Measured, each run in a process of its own: accuracy on the same --scored test rows, as they are and with character
noise (a share --noise of the words or Chinese characters: `char_noise`, `chinese_noise` with a fixed seed); seconds of
training. A gain is the difference to the plain runs over all seeds and test rows, with a 95 % bootstrap interval in
which seeds and rows are drawn anew together; with three seeds it says little about other seeds. The treatment
`noise` trains on the kind of errors that the perturbed rows hold; the others do not know it. The last line of output
is one JSON object.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from bench_data import command_line, keep, machine, options, rows, sample
from cells import Cells, own_process
from few_shot import paired

from goldilocks import plugins
from goldilocks.catalog.fetch import folder_of
from goldilocks.catalog.known import catalogue
from goldilocks.data.augment import BoundAugmenter, copies_of
from goldilocks.records import Augmentation, Candidate, Goal, Output, Part, Text, Workload
from goldilocks.selection.augmentation import varied_texts
from goldilocks.support.machine.hardware import set_threads
from goldilocks.support.text.units import units
from goldilocks.tuning.run import Run, RunSetup

SETS = {
    "trec": ("train", "test", "all-MiniLM-L6-v2", "char_noise"),
    "sst2": ("train", "test", "all-MiniLM-L6-v2", "char_noise"),
    "tnews": ("train", "dev", "multilingual-e5-small-q4", "chinese_noise"),
    "chnsenticorp": ("train", "test", "multilingual-e5-small-q4", "chinese_noise"),
}
"""Files of training and test rows, the model, and the augmenter whose noise perturbs the test rows."""
TREATMENTS: dict[str, dict[str, Any]] = {
    "fgm": {"adversarial": "fgm"},
    "pgd": {"adversarial": "pgd"},
    "freelb": {"adversarial": "freelb"},
    "eda": {},
    "noise": {},
    "pseudo_labels": {"unlabelled_loss": "pseudo_labels"},
    "consistency": {"unlabelled_loss": "consistency"},
    "label_smoothing": {"label_smoothing": 0.1},
    "r_drop": {"r_drop": 1.0, "dropout": 0.1},
    "mixout": {"mixout": 0.1},
    "ema": {"average": "ema"},
}
"""Fields of the training config that differ from a plain run."""
DEFAULT = ("fgm", "freelb", "eda", "noise", "pseudo_labels", "consistency", "ensemble")
PLAIN, ENSEMBLE, MEMBERS = "plain", "ensemble", 3
TEST_SEED = 99
_SHOWN = ("set", "treatment", "seed", "member", "rows", "seconds")


def data_of(chosen: Any, name: str, seed: int) -> tuple[Part, tuple[str, ...], Part]:
    """Training rows, further texts without their labels, and test rows; none of the first two is a test row."""
    train_file, test_file, _, _ = SETS[name]
    test = part_of(sample(rows(chosen.data, name, test_file), chosen.scored, seed=0))
    held_out = set(test.texts)
    free = list(
        {row["text"]: row for row in rows(chosen.data, name, train_file) if row["text"] not in held_out}.values()
    )
    order = np.random.default_rng(seed).permutation(len(free)).tolist()
    train = part_of([free[at] for at in order[: chosen.rows]])
    further = tuple(str(free[at]["text"]) for at in order[chosen.rows : chosen.rows + chosen.unlabelled])
    return train, further, test


def part_of(entries: list[dict[str, Any]]) -> Part:
    """Rows as tuning takes them."""
    texts, gold = tuple(str(row["text"]) for row in entries), tuple(str(row["label"]) for row in entries)
    return Part(texts, gold, tuple(range(1, len(entries) + 1)))


def varied(texts: Sequence[Text], augmenter: str, share: float, seed: int) -> list[Text]:
    """A copy of each text in which the augmenter changed a share of the words or characters."""
    return varied_texts(texts, Augmentation(augmenter, options={"share": share}), Path(), offline=True, seed=seed)


def with_copies(train: Part, augmenter: str, seed: int) -> Part:
    """The training rows, and behind them a copy of each."""

    def vary(texts: Sequence[str], at: int) -> list[str]:
        return [str(text) for text in varied(texts, augmenter, 0.1, at)]

    bound = BoundAugmenter(augmenter, vary, paraphrases=False)
    copies = copies_of(train, Output.LABEL, bound, copies=1, seed=seed, held_out=Part()).part
    return Part(train.texts + copies.texts, train.gold + copies.gold, train.rows + copies.rows)


def work_of(train: Part, labels: int) -> Workload:
    """The size of the training set."""
    texts = [str(text) for text in train.texts]
    characters, words = float(np.mean([len(t) for t in texts])), float(np.mean([len(units(t)) for t in texts]))
    return Workload(len(train), characters, words, labels)


def cell(chosen: Any, name: str, treatment: str, seed: int, member: int) -> dict[str, Any]:
    """One run: what it answers to clean and perturbed rows, and the seconds it took to train."""
    set_threads()
    *_, model, noise = SETS[name]
    train, further, test = data_of(chosen, name, seed)
    labels = tuple(sorted({str(gold) for gold in (*train.gold, *test.gold)}))
    goal = Goal(labels=labels, instruction=plugins.load("tasks", "text_classification").INSTRUCTION)
    training = dict(TREATMENTS.get(treatment, {}))
    info = next(entry for entry in catalogue() if entry.name == model)
    work = work_of(train, len(labels))
    begun = time.perf_counter()
    augmenter = {"eda": "eda", "noise": noise}.get(treatment)
    if augmenter is not None:  # as many steps as without copies
        own = plugins.load("families", info.family).training_config(info, work)
        config = own and plugins.load("methods", chosen.method).training_config(own)
        if config is None:
            sys.exit(f"{chosen.method} trains nothing by gradient descent; name another --method.")
        n_plain, train = len(train), with_copies(train, augmenter, seed)
        training["epochs"] = config.epochs * n_plain / len(train)
    pairs: list[tuple[Text, Text]] = []
    if "unlabelled_loss" in training:
        pairs = list(zip(further, varied(further, noise, 0.1, seed), strict=True))
    setup = RunSetup(folder_of(info, offline=True), work, seed + 1_000 * member, training=training, unlabelled=pairs)
    run = Run(Candidate(info, chosen.method), train, goal, setup)
    run.advance(1.0)
    seconds = time.perf_counter() - begun
    clean = run.predict(test.texts).probabilities
    noisy = run.predict(varied(test.texts, noise, chosen.noise, TEST_SEED)).probabilities
    return {
        "set": name,
        "treatment": treatment,
        "seed": seed,
        "member": member,
        "rows": len(train),
        "seconds": seconds,
        "gold": [labels.index(str(gold)) for gold in test.gold],
        "clean": np.round(clean.astype(float), 5).tolist(),
        "perturbed": np.round(noisy.astype(float), 5).tolist(),
    }


def right(members: list[dict[str, Any]], rows_scored: str) -> dict[str, Any]:
    """Whether each test row is answered right by the mean probability of one run or of several."""
    mean = np.mean([np.array(record[rows_scored]) for record in members], axis=0)
    return {"right": (mean.argmax(1) == np.array(members[0]["gold"])).astype(int).tolist()}


def gains(cells: list[dict[str, Any]], name: str, treatments: list[str], seeds: int) -> dict[str, Any]:
    """Accuracy, gain over the plain runs and seconds of each treatment on one set."""

    def of(treatment: str, seed: int) -> list[dict[str, Any]]:
        wanted = (name, PLAIN if treatment == ENSEMBLE else treatment, seed)
        runs = [record for record in cells if (record["set"], record["treatment"], record["seed"]) == wanted]
        return runs if treatment == ENSEMBLE else [record for record in runs if record["member"] == 0]

    table: dict[str, Any] = {}
    plain_seconds = np.median([of(PLAIN, seed)[0]["seconds"] for seed in range(seeds)])
    for treatment in [PLAIN, *treatments]:
        runs = [of(treatment, seed) for seed in range(seeds)]
        seconds = np.median([sum(record["seconds"] for record in members) for members in runs])
        row: dict[str, Any] = {"seconds": float(seconds), "times_plain": float(seconds / plain_seconds)}
        for which in ("clean", "perturbed"):
            own = [right(members, which) for members in runs]
            scores = [float(np.mean(record["right"])) for record in own]
            row[which] = {"accuracy": float(np.mean(scores)), "by_seed": scores}
            if treatment != PLAIN:
                row[which]["gain"] = paired(own, [right(of(PLAIN, seed), which) for seed in range(seeds)])
        table[treatment] = row
    return table


def show(name: str, table: dict[str, Any]) -> None:
    """The gains of one set, as people read them."""
    for treatment, row in table.items():
        parts = []
        for which in ("clean", "perturbed"):
            gain = row[which].get("gain")
            around = f" {gain['difference']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}]" if gain else " " * 24
            parts.append(f"{which} {row[which]['accuracy']:.3f}{around}")
        print(f"{name:13} {treatment:15} {'  '.join(parts)}  {row['times_plain']:.1f} times the seconds", flush=True)


def plan(chosen: Any) -> list[tuple[str, str, int, int]]:
    """The cells: set, treatment, seed, member; those that all others are compared with come first."""
    wanted = []
    for name, seed in product(chosen.sets, range(chosen.seeds)):
        members = MEMBERS if ENSEMBLE in chosen.treatments else 1
        wanted += [(name, PLAIN, seed, member) for member in range(members)]
        wanted += [(name, treatment, seed, 0) for treatment in chosen.treatments if treatment != ENSEMBLE]
    return wanted


def run_cell(name: str, treatment: str, seed: int, member: int) -> dict[str, Any]:
    """The cell, from a process of its own; with ``failed`` where it cannot be run."""
    key = {"set": name, "treatment": treatment, "seed": seed, "member": member}
    own = [*sys.argv[1:], "--cell", name, treatment, str(seed), str(member)]
    return key | own_process(f"{name} {treatment} {seed}", *own, may_fail=True)


def main() -> None:
    """Run what is not there yet; print the gains of the sets that are complete."""
    parser = options(__doc__)
    parser.add_argument("--sets", nargs="+", choices=sorted(SETS), default=["trec", "tnews"])
    parser.add_argument("--treatments", nargs="+", choices=[*TREATMENTS, ENSEMBLE], default=list(DEFAULT))
    parser.add_argument("--method", default="full")
    parser.add_argument("--rows", type=int, default=300, help="labelled training rows")
    parser.add_argument("--unlabelled", type=int, default=1_200, help="further training rows, without their labels")
    parser.add_argument("--scored", type=int, default=500, help="test rows")
    parser.add_argument("--noise", type=float, default=0.2, help="share of the words or characters that are perturbed")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=0.0, help="begin no cell after so many minutes; 0: no limit")
    parser.add_argument("--work", type=Path, default=Path("bench-work/training_gains"))
    parser.add_argument("--cell", nargs=4, help="internal: set, treatment, seed and member of one cell")
    parser.add_argument("--name", default="training_gains", help="name of the result file")
    chosen = parser.parse_args()
    if chosen.cell:
        name, treatment, seed, member = chosen.cell
        print(json.dumps(cell(chosen, name, treatment, int(seed), int(member))))
        return
    cells: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    store = Cells(chosen.work, chosen.minutes)
    setting = f"{chosen.method}-{chosen.rows}-{chosen.unlabelled}-{chosen.scored}-{chosen.noise:g}"
    for name, treatment, seed, member in plan(chosen):
        cell_name = f"{name}-{treatment}-{seed}-{member}-{setting}"
        record = store.result(cell_name, partial(run_cell, name, treatment, seed, member))
        if record is None:
            continue
        if "failed" in record:
            failed.append(record)
            print(f"{name:13} {treatment:15} {seed} {member}  not run: {record['failed']}", flush=True)
            continue
        cells.append(record)
        scores = [float(np.mean(right([record], which)["right"])) for which in ("clean", "perturbed")]
        print(
            f"{name:13} {treatment:15} {seed} {member}  clean {scores[0]:.3f}  perturbed {scores[1]:.3f}  "
            f"{record['seconds']:5.0f} s",
            flush=True,
        )
    tables = {name: gains_of(chosen, cells, name) for name in chosen.sets}
    for name, table in tables.items():
        show(name, table)
    if store.missing:
        print(f"{store.missing} cells are missing; run the same command again.", flush=True)
    result = {
        "benchmark": "training_gains",
        "missing": store.missing,
        "failed": failed,
        "rows": chosen.rows,
        "unlabelled_rows": chosen.unlabelled,
        "scored_rows": chosen.scored,
        "noise_share": chosen.noise,
        "seeds": chosen.seeds,
        "models": {name: SETS[name][2] for name in chosen.sets},
        "method": chosen.method,
        "sets": tables,
        "cells": [{key: record[key] for key in _SHOWN} for record in cells],
    }
    keep(chosen.name, result | machine() | {"command": command_line()})
    sys.exit(75 if store.missing else 0)


def gains_of(chosen: Any, cells: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """The gains of the treatments of which every run of the set is there; none without all plain runs."""
    wanted = [key for key in plan(chosen) if key[0] == name]
    there = {(record["set"], record["treatment"], record["seed"], record["member"]) for record in cells}
    lacking = {treatment for _, treatment, *rest in wanted if (name, treatment, *rest) not in there}
    if PLAIN in lacking:
        return {}
    return gains(cells, name, [treatment for treatment in chosen.treatments if treatment not in lacking], chosen.seeds)


if __name__ == "__main__":
    main()
