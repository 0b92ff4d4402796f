"""Records learning curves of many candidates on eight data sets: the bank.

Run:    python benchmarks/bank.py --list              (what is missing)
        python benchmarks/bank.py --hours 3           (record for at most three hours)
Needs:  the data folder, and a quiet machine: cells are not timed again. Stopped and started again it goes on.

A cell is one candidate on one data set with one seed, in a process of its own. A cell that was recorded is skipped; one
that crashed, timed out or was killed has left nothing and is run again. Cells are ordered so that any prefix is useful:
every model with its first method on every data set, then the second methods, and so on. A later method is a new cell.

Measured at 10, 30 and 100 % of each run: training seconds since the rung before, accuracy on validation and on test.
They are written to ``results/bank.csv`` in the format of ``goldilocks replay`` and ``goldilocks experience import``
(readable from the 16th cell on, when every data set has two candidates); no row of data is in it. A data set
is called by its name and its training rows (``trec-400``), and has its 12 most frequent labels. The encoders and the
decoder that are not in a package are pre-trained here on WikiText-2 (validation part), the narrow static tables are the
leading columns of the packaged one; both are kept in ``--work``. Provenance (machine, its load at the end, commit and
hours of each recording) is in ``results/bank.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from bench_data import RESULTS, machine, options, rows, sample

from goldilocks import plugins
from goldilocks.catalog.fetch import folder_of
from goldilocks.catalog.known import catalogue, described
from goldilocks.errors import GoldilocksError
from goldilocks.evaluation.score import score
from goldilocks.protocols import RestrictsOutputs
from goldilocks.records import Candidate, Goal, ModelInfo, Output, Part, Workload
from goldilocks.selection.experience_store import write_rows
from goldilocks.selection.race_table import read_rows
from goldilocks.selection.standings import RUNGS
from goldilocks.support.machine.hardware import set_threads
from goldilocks.tuning.run import Run, RunSetup

SETS = {
    "trec": "train",
    "sms_spam": "all",
    "airline_tweets": "stream",
    "sst2": "train",
    "ag_news": "train_part",
    "bitext_customer_support": "train",
    "banking77": "train",
    "tnews": "train",
}
MOST_LABELS = 12
BANK = RESULTS / "bank.csv"
VALIDATION, TEST = 300, 600
DECODER_SCORED = 60
"""Rows of each part that decoders are scored on; ``n`` says so."""
PRETRAINED = {
    "bert-tiny-2k": ("mlm", "tiny", "2000"),
    "bert-tiny-8k": ("mlm", "tiny", "8000"),
    "bert-mini-2k": ("mlm", "mini", "2000"),
    "bert-mini-8k": ("mlm", "mini", "8000"),
    "bert-small-8k": ("mlm", "small", "8000"),
    "llama-tiny-4k": ("clm", "tiny", "4000"),
}
"""Name -> objective, size and vocabulary of ``goldilocks pretrain``."""
NARROW = (32, 64, 128)
"""Columns kept of the packaged static table (trained so that its leading columns are a table: Matryoshka)."""
PACKAGED = ("l2_supercat_256", "all-MiniLM-L6-v2", "multilingual-e5-small-q4", "SmolLM2-135M-Instruct")
FAMILIES = ("majority", "naive_bayes", "tfidf_linear", "ngram", "cnn", "recurrent")
METHODS = ("scratch", "head_only", "full", "top_layers", "lora", "cosine", "bias_only", "in_context", "zero_shot")
CELL_SECONDS = 900
"""A cell that takes longer is stopped, and counts as failed."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One candidate on one data set."""

    dataset: str
    family: str
    model: str
    method: str

    @property
    def candidate(self) -> str:
        """``family/model/method``."""
        return f"{self.family}/{self.model}/{self.method}"

    def key(self, n_rows: int, seed: int) -> tuple[str, str, str]:
        """What it is called in the bank."""
        return f"{self.dataset}-{n_rows}", self.candidate, str(seed)


def cells(pairs: Sequence[tuple[str, str, Sequence[str]]], sets: Sequence[str]) -> list[Cell]:
    """All cells, breadth first: in every prefix no model has two methods more than another, if it has them.

    Args:
        pairs: Family, model, and the methods that fit it, the first ones first.
        sets: Data sets.
    """
    depth = max((len(methods) for _, _, methods in pairs), default=0)
    return [
        Cell(dataset, family, model, methods[rank])
        for rank in range(depth)
        for family, model, methods in pairs
        if rank < len(methods)
        for dataset in sets
    ]


def recorded(path: Path) -> set[tuple[str, str, str]]:
    """Data set, candidate and seed of the cells in the bank."""
    seen = read_rows(path) if path.exists() else []
    return {(row["dataset"], row["candidate"], row["seed"]) for row in seen if float(row["rung"]) == 1}


def add(path: Path, new: Sequence[dict[str, str]]) -> None:
    """Put a cell's rows into the bank; the file is replaced as a whole: a kill leaves the old or the new one."""
    kept = read_rows(path) if path.exists() else []
    everything = sorted([*kept, *new], key=lambda row: (row["dataset"], row["candidate"], row["seed"], row["rung"]))
    partial = path.with_suffix(".partial")
    write_rows(partial, everything)
    partial.replace(path)


# --------------------------------------------------------------------------------------------------------------- models


def make_model(name: str, data: Path, work: Path) -> Path:
    """The folder of a model that is made here; made where it is not there yet."""
    folder = work / "models" / name
    if folder.exists():
        return folder
    partial = folder.with_name(f"{name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.parent.mkdir(parents=True, exist_ok=True)
    if name in PRETRAINED:
        objective, size, vocabulary = PRETRAINED[name]
        corpus = work / "corpus.txt"
        corpus.write_text(_corpus(data), encoding="utf-8")
        command = [sys.executable, "-m", "goldilocks", "pretrain", str(corpus), "--objective", objective]
        command += ["--size", size, "--vocabulary", vocabulary, "--length", "64", "--epochs", "2", "--seed", "0"]
        command += ["--out", str(partial)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    else:
        _narrow_table(int(name.rsplit("_", 1)[1]), partial)
    partial.replace(folder)
    return folder


def _corpus(data: Path) -> str:
    files = sorted((data / "wikitext2").glob("*valid*"))
    if not files:
        raise SystemExit(f"{data / 'wikitext2'}: no validation part; the models of the bank are pre-trained on it.")
    if files[0].suffix == ".gz":
        import gzip

        return gzip.decompress(files[0].read_bytes()).decode("utf-8")
    return files[0].read_text(encoding="utf-8")


def _narrow_table(width: int, folder: Path) -> None:
    from safetensors.numpy import load_file, save_file

    packaged = next(info for info in catalogue() if info.name == PACKAGED[0])
    source = folder_of(packaged, offline=True)
    weights = next(source.rglob(f"{PACKAGED[0]}.safetensors"))
    tokenizer = next(source.rglob("*_tokenizer_config.json"))
    for part in ("weights", "tokenizers"):
        (folder / part).mkdir(parents=True)
    tables = {name: np.ascontiguousarray(value[:, :width]) for name, value in load_file(weights).items()}
    save_file(tables, folder / "weights" / f"l2_supercat_{width}.safetensors")
    shutil.copy(tokenizer, folder / "tokenizers" / tokenizer.name)


@cache
def info_of(family: str, name: str, data: Path, work: Path) -> ModelInfo:
    """Facts of a model by name."""
    known = {(info.family, info.name): info for info in catalogue()}
    if (family, name) in known:
        return known[family, name]
    if family in FAMILIES:
        return next(info for info in plugins.load("families", family).models() if info.name == name)
    from dataclasses import replace

    folder = make_model(name, data, work)
    families = {family: plugins.load("families", family)}
    return replace(described(str(folder.resolve()), families, offline=True), name=name)


def pairs() -> list[tuple[str, str, list[str]]]:
    """Every model with the methods that fit it; a model made here has those of a packaged one of its family."""
    found: list[tuple[str, ModelInfo]] = []
    for family in FAMILIES:
        found += [(info.name, info) for info in plugins.load("families", family).models()]
    by_name = {info.name: info for info in catalogue()}
    found += [(f"l2_supercat_{width}", by_name[PACKAGED[0]]) for width in NARROW]
    found += [(name, by_name[PACKAGED[1]]) for name, made in PRETRAINED.items() if made[0] == "mlm"]
    found += [(name, by_name[name]) for name in PACKAGED]
    found += [(name, by_name[PACKAGED[3]]) for name, made in PRETRAINED.items() if made[0] == "clm"]
    suited = [(name, info) for name, info in found if not _unsupported(info)]
    return _interleaved([(info.family, name, methods) for name, info in suited if (methods := _methods(info))])


def _interleaved(found: Sequence[tuple[str, str, list[str]]]) -> list[tuple[str, str, list[str]]]:
    """The first model of each family, then the second ones."""
    at: Counter[str] = Counter()
    ranked = []
    for pair in found:
        ranked.append((at[pair[0]], pair))
        at[pair[0]] += 1
    return [pair for _, pair in sorted(ranked, key=lambda entry: entry[0])]


def _unsupported(info: ModelInfo) -> bool:
    family = plugins.load("families", info.family)
    return isinstance(family, RestrictsOutputs) and family.unsupported(info, Output.LABEL) is not None


def _methods(info: ModelInfo) -> list[str]:
    return [name for name in METHODS if plugins.load("methods", name).incompatibility(info) is None]


# ----------------------------------------------------------------------------------------------------------------- cell


def parts(data: Path, name: str, n_rows: int, seed: int) -> dict[str, Part]:
    """Training, validation and test part, disjoint, without repeated texts; every label is in the training part."""
    kept = list({str(row["text"]): row for row in sample(rows(data, name, SETS[name]), 8_000, seed=1)}.values())
    random.Random(seed).shuffle(kept)
    frequent = {label for label, _ in Counter(str(row["label"]) for row in kept).most_common(MOST_LABELS)}
    kept = [row for row in kept if str(row["label"]) in frequent]
    labels = {str(row["label"]) for row in kept[:n_rows]}
    rest = [row for row in kept[n_rows:] if str(row["label"]) in labels]
    cut = {"train": kept[:n_rows], "validation": rest[:VALIDATION], "test": rest[VALIDATION : VALIDATION + TEST]}
    return {
        part: Part(
            tuple(str(row["text"]) for row in entries),
            tuple(str(row["label"]) for row in entries),
            tuple(range(1, len(entries) + 1)),
        )
        for part, entries in cut.items()
    }


def record(cell: Cell, data: Path, work: Path, n_rows: int, seed: int) -> list[dict[str, str]]:
    """Train one candidate; its row at every rung."""
    set_threads()
    part = parts(data, cell.dataset, n_rows, seed)
    scored = {key: part[key] for key in ("validation", "test")}
    if cell.family == "decoder":
        scored = {key: value.take(list(range(min(DECODER_SCORED, len(value))))) for key, value in scored.items()}
    info = info_of(cell.family, cell.model, data, work)
    train = part["train"]
    texts = [str(text) for text in train.texts]
    labels = tuple(sorted({str(label) for label in train.gold}))
    characters, words = float(np.mean([len(t) for t in texts])), float(np.mean([len(t.split()) for t in texts]))
    workload = Workload(len(train), characters, words, len(labels))
    folder = None if info.source == "builtin" else folder_of(info, offline=True)
    goal = Goal(output=Output.LABEL, labels=labels)
    run = Run(Candidate(info, cell.method), train, goal, RunSetup(folder, workload, seed=seed))
    metric = plugins.load("metrics", "accuracy")
    dataset, candidate, _ = cell.key(n_rows, seed)
    result, before = [], 0.0
    for share in RUNGS:
        run.advance(share)
        scores = {key: score(metric, value.gold, run.predict(value.texts).values) for key, value in scored.items()}
        result.append(
            {
                "dataset": dataset,
                "candidate": candidate,
                "family": cell.family,
                "model": cell.model,
                "method": cell.method,
                "rung": f"{share:g}",
                "seconds": f"{run.seconds - before:.4g}",
                "validation_score": f"{scores['validation']:.6g}",
                "test_score": f"{scores['test']:.6g}",
                "n": str(len(scored["validation"])),
                "seed": str(seed),
                "labels": str(len(labels)),
                "parameters": str(info.parameters),
            }
        )
        before = run.seconds
    return result


def bought(cell: Cell, chosen: argparse.Namespace) -> list[dict[str, str]] | str:
    """The rows of a cell from a process of its own, or why there are none."""
    own = ["--data", str(chosen.data), "--work", str(chosen.work), "--rows", str(chosen.rows)]
    own += ["--seed", str(chosen.seed)]
    try:  # here, not in the cell: its time limit must neither count pre-training nor leave it behind
        info_of(cell.family, cell.model, chosen.data, chosen.work)
    except (GoldilocksError, OSError, subprocess.CalledProcessError) as error:
        return f"its model cannot be made: {error}"
    command = [sys.executable, __file__, *own, "--cell", cell.dataset, cell.family, cell.model, cell.method]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=CELL_SECONDS)
    except subprocess.TimeoutExpired:
        return f"took longer than {CELL_SECONDS} s"
    if done.returncode:
        return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    found: list[dict[str, str]] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def note(hours: float, n_cells: int, failed: dict[str, str], n_rows: int) -> None:
    """Add this recording to the provenance."""
    path = RESULTS / "bank.json"
    earlier: list[Any] = json.loads(path.read_text(encoding="utf-8"))["recordings"] if path.exists() else []
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    this = {"commit": commit, "hours": round(hours, 3), "cells": n_cells, "rows": n_rows, "failed": failed} | machine()
    this["cores_used"] = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    this["load"] = [round(load, 2) for load in os.getloadavg()] if hasattr(os, "getloadavg") else None
    this["command"] = " ".join(["python", "benchmarks/bank.py", *sys.argv[1:]])
    text = json.dumps({"benchmark": "bank", "recordings": [*earlier, this]}, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def main() -> None:
    """Record what is missing."""
    parser = options(__doc__)
    parser.add_argument("--work", type=Path, default=Path("bench-work/bank"))
    parser.add_argument("--out", type=Path, default=BANK)
    parser.add_argument("--rows", type=int, default=400, help="training rows, at most 2,000")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--hours", type=float, default=3.0, help="no cell is begun later")
    parser.add_argument("--list", action="store_true", help="say what is missing, and do nothing")
    parser.add_argument("--cell", nargs=4, help="internal: data set, family, model and method of one cell")
    chosen = parser.parse_args()
    if not 2 <= chosen.rows <= 2_000:
        parser.error(f"--rows is {chosen.rows}; 2 to 2,000 are allowed.")
    if chosen.cell:
        print(json.dumps(record(Cell(*chosen.cell), chosen.data, chosen.work, chosen.rows, chosen.seed)))
        return
    seen = recorded(chosen.out)
    everything = cells(pairs(), tuple(SETS))
    missing = [cell for cell in everything if cell.key(chosen.rows, chosen.seed) not in seen]
    if chosen.list:
        for cell in missing:
            print(cell.dataset, cell.candidate)
        print(f"{len(missing)} of {len(everything)} cells are missing.")
        return
    failed: dict[str, str] = {}
    begun, done = time.monotonic(), 0
    try:
        for number, cell in enumerate(missing, start=1):
            if time.monotonic() - begun > 3600 * chosen.hours:
                print(f"{chosen.hours:g} hours are over; {len(missing) - number + 1} cells are missing.")
                break
            got = bought(cell, chosen)
            if isinstance(got, str):
                failed[f"{cell.dataset} {cell.candidate}"] = got
            else:
                add(chosen.out, got)
                done += 1
            spent = (time.monotonic() - begun) / 3600
            left = min(spent / number * (len(missing) - number), max(chosen.hours - spent, 0.0))
            outcome = f"failed: {got}" if isinstance(got, str) else got[-1]["test_score"]
            print(f"{number}/{len(missing)} {cell.dataset} {cell.candidate}: {outcome}; {left:.1f} h left", flush=True)
    finally:
        note((time.monotonic() - begun) / 3600, done, failed, chosen.rows)


if __name__ == "__main__":
    main()
