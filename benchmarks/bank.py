"""Records learning curves of many candidates on eight data sets: the bank.

Run:    python benchmarks/bank.py --list              (what is missing, in order)
        python benchmarks/bank.py --minutes 30        (record for half an hour)
        python benchmarks/bank.py --ship              (fit the experience that comes with the package; seconds)
Needs:  the data folder, and a quiet machine: cells are not timed again. An interrupted run continues.

A cell is one candidate on one data set with one seed, in a process of its own (forked from one that has imported
everything). A cell that was recorded is skipped; one that crashed, timed out, was killed or was under way when the
minutes ended has left nothing and is run again. A candidate's cells of all data sets follow each other. Cheap
candidates come first, and of equal ones those of a family and a model that have little yet: forecast seconds, times the
models of the family before it, times the methods of the model before it (``--list``). A later method is a new cell.

Measured at 10, 30 and 100 % of each run: training seconds since the rung before, accuracy on validation and on test.
They are written to ``results/bank.csv`` in the format of ``goldilocks replay`` and ``goldilocks experience import``
(readable from the 16th cell on, when every data set has two candidates); no row of data is in it. A data set
is called by its name and its training rows (``trec-400``), and has its 12 most frequent labels. The encoders and the
decoder that are not in a package are pre-trained here on WikiText-2 (validation part), the narrow static tables are the
leading columns of the packaged one; both are kept in ``--work``. Provenance (machine, its load at the end, commit and
hours of each recording) is in ``results/bank.json``. What the bank is worth: ``bank_worth.py``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from bench_data import RESULTS, machine, options, rows, sample

from goldilocks import plugins
from goldilocks.catalog.fetch import folder_of
from goldilocks.catalog.known import catalogue, described
from goldilocks.errors import GoldilocksError, InputError
from goldilocks.evaluation.score import score
from goldilocks.protocols import DeclinesOutputs, RestrictsOutputs
from goldilocks.records import Candidate, Goal, ModelInfo, Output, Part, Workload
from goldilocks.selection.experience import read_experience
from goldilocks.selection.experience_fit import MIN_SETS, fit_experience
from goldilocks.selection.experience_store import write_rows
from goldilocks.selection.race_table import read_rows, read_table
from goldilocks.selection.standings import RUNGS
from goldilocks.support.files import to_json
from goldilocks.support.machine.hardware import Machine, set_threads
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
MAX_LABELS = 12
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
FAMILIES = ("majority", "naive_bayes", "tfidf_linear", "cnn", "recurrent")
METHODS = ("scratch", "head_only", "full", "top_layers", "lora", "cosine", "bias_only", "in_context", "zero_shot")
CELL_SECONDS = 900
"""A cell that takes longer is stopped, and counts as failed."""
MIN_SECONDS = 1.0
"""A cell takes at least this, for reading the data and scoring."""
MAKING_SECONDS, SCORING_SECONDS = 60.0, 60.0
"""Pre-training a small model, and the answers of a decoder; by judgement, for the order only."""
REFERENCE = Machine(cores=1, memory_bytes=16 * 10**9, device="cpu", gflops=100.0, bf16=False, name="reference")
REFERENCE_WORK = Workload(400, 80.0, 15.0, 8)
SHIPPED = Path(__file__).parents[1] / "src" / "goldilocks" / "selection" / "experience_bank.json"
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["torch", "sklearn.linear_model", "goldilocks.tuning.run", "bank"])


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


@dataclass(frozen=True, slots=True)
class Pair:
    """A model with the methods that fit it, the most telling first, and about what each takes on one data set."""

    family: str
    model: str
    seconds: dict[str, float]
    """Method -> seconds."""


def cells(pairs: Sequence[Pair], sets: Sequence[str]) -> list[Cell]:
    """All cells, a candidate's on all data sets in a row; what is cheap and tells something new first.

    Args:
        pairs: The models of a family in the order of their interest.
        sets: Data sets.
    """
    before: Counter[str] = Counter()
    weighed = []
    for pair in pairs:
        for rank, (method, seconds) in enumerate(pair.seconds.items()):
            price = (seconds + MIN_SECONDS) * (1 + before[pair.family]) * (1 + rank)
            weighed.append((price, pair.family, pair.model, method))
        before[pair.family] += 1
    ranked = sorted(weighed, key=lambda entry: entry[0])  # stable: equal ones in the order of the pairs
    return [Cell(dataset, *candidate) for _, *candidate in ranked for dataset in sets]


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
    folder = make_model(name, data, work)
    families = {family: plugins.load("families", family)}
    return replace(described(str(folder.resolve()), families, offline=True), name=name)


def pairs() -> list[Pair]:
    """Every model with the methods that fit it; a model made here has those of a packaged one of its family."""
    models: list[tuple[str, ModelInfo]] = []
    for family in FAMILIES:
        models += [(info.name, info) for info in plugins.load("families", family).models()]
    by_name = {info.name: info for info in catalogue()}
    models += [(name, by_name[name]) for name in PACKAGED]
    models += [(f"l2_supercat_{width}", by_name[PACKAGED[0]]) for width in reversed(NARROW)]
    like = {"mlm": PACKAGED[1], "clm": PACKAGED[3]}
    models += [(name, by_name[like[made[0]]]) for name, made in PRETRAINED.items()]
    return [
        Pair(info.family, name, _seconds(name, info, methods))
        for name, info in models
        if not _unsupported(info) and (methods := _methods(info))
    ]


def _seconds(name: str, info: ModelInfo, methods: Sequence[str]) -> dict[str, float]:
    """Forecasts for a reference machine (the order must not depend on this one's load), with what else a cell takes."""
    forecast = plugins.load("families", info.family).forecast(info, REFERENCE_WORK, REFERENCE).seconds
    extra = (MAKING_SECONDS if name in PRETRAINED else 0) + (SCORING_SECONDS if info.family == "decoder" else 0)
    return {method: forecast * plugins.load("methods", method).effort(info) + extra for method in methods}


def _unsupported(info: ModelInfo) -> bool:
    """Whether the family offers no labels: it would not be a candidate of a search on these data sets either."""
    family = plugins.load("families", info.family)
    lacking = isinstance(family, RestrictsOutputs) and family.unsupported(info, Output.LABEL) is not None
    return lacking or Output.LABEL not in family.OUTPUTS


def _methods(info: ModelInfo) -> list[str]:
    loaded = {name: plugins.load("methods", name) for name in METHODS}
    return [
        name
        for name, method in loaded.items()
        if method.incompatibility(info) is None
        and not (isinstance(method, DeclinesOutputs) and method.declined(Output.LABEL))
    ]


# ----------------------------------------------------------------------------------------------------------------- cell


def parts(data: Path, name: str, n_rows: int, seed: int) -> dict[str, Part]:
    """Training, validation and test part, disjoint, without repeated texts; every label is in the training part."""
    kept = list({str(row["text"]): row for row in sample(rows(data, name, SETS[name]), 8_000, seed=1)}.values())
    random.Random(seed).shuffle(kept)
    frequent = {label for label, _ in Counter(str(row["label"]) for row in kept).most_common(MAX_LABELS)}
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


def bought(cell: Cell, chosen: argparse.Namespace, limit: float = CELL_SECONDS) -> list[dict[str, str]] | str:
    """The rows of a cell from a process of its own, or why there are none.

    Args:
        cell: Which.
        chosen: Options: data, work, rows and seed.
        limit: Seconds.
    """
    try:  # here, not in the cell: its time limit must neither count pre-training nor leave it behind
        info_of(cell.family, cell.model, chosen.data, chosen.work)
    except (GoldilocksError, OSError, subprocess.CalledProcessError) as error:
        return f"its model cannot be made: {error}"
    receiver, sender = _PROCESSES.Pipe(duplex=False)
    order = (sender, cell, chosen.data, chosen.work, chosen.rows, chosen.seed)
    process = _PROCESSES.Process(target=_send, args=order, daemon=True)
    process.start()
    sender.close()
    try:
        if not receiver.poll(limit):
            return f"took longer than {limit:.0f} s"
        outcome: list[dict[str, str]] | str = receiver.recv()
    except EOFError:
        process.join()
        return f"its process ended with code {process.exitcode}"
    else:
        return outcome
    finally:
        process.kill()
        process.join()
        receiver.close()


def _send(sender: Connection, cell: Cell, data: Path, work: Path, n_rows: int, seed: int) -> None:
    """In the cell's process: its rows, or the error, to the process that waits for them."""
    try:
        sender.send(record(cell, data, work, n_rows, seed))
    except Exception as error:  # noqa: BLE001 - whatever it is, the next cell is tried
        sender.send(f"{type(error).__name__}: {error}")


def ship(bank: Path, shipped: Path) -> str:
    """Fit the experience of the package with the bank on top; a line that says what was written."""
    races = read_table(bank)
    if len({race.dataset for race in races}) < MIN_SETS:
        raise InputError(f"{bank}: has fewer than {MIN_SETS} data sets; record more first.")
    base = read_experience(shipped.with_name("experience.json"))
    experience = fit_experience(races, base, keep_structure=True)
    source = f"{experience.source} ({bank.name}), on top of: {base.source}"
    text = json.dumps(json.loads(to_json(replace(experience, source=source))), separators=(",", ":"))
    shipped.write_text(text + "\n", encoding="utf-8")
    digest = hashlib.sha256(shipped.read_bytes()).hexdigest()
    return f"{shipped}: {len(experience.candidates)} candidates, {len(text) / 1e3:.0f} kB, SHA-256 {digest[:16]}…"


def note(path: Path, hours: float, n_cells: int, failed: dict[str, str], n_rows: int) -> None:
    """Add this recording to the provenance."""
    earlier: list[Any] = json.loads(path.read_text(encoding="utf-8"))["recordings"] if path.exists() else []
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    this = {"commit": commit, "hours": round(hours, 3), "cells": n_cells, "rows": n_rows, "failed": failed} | machine()
    this["cores_used"] = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    this["load"] = [round(load, 2) for load in os.getloadavg()] if hasattr(os, "getloadavg") else None
    this["command"] = " ".join(["python", "benchmarks/bank.py", *sys.argv[1:]])
    text = json.dumps({"benchmark": "bank", "recordings": [*earlier, this]}, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def fill(missing: Sequence[Cell], chosen: argparse.Namespace) -> None:
    """Record cells until they are all there or the minutes are over."""
    failed: dict[str, str] = {}
    begun, done = time.monotonic(), 0
    end = begun + 60 * chosen.minutes
    try:
        for number, cell in enumerate(missing, start=1):
            left = end - time.monotonic()
            if left <= 0:
                print(f"{chosen.minutes:g} minutes are over; {len(missing) - number + 1} cells are missing.")
                break
            got = bought(cell, chosen, min(CELL_SECONDS, left))
            if isinstance(got, str) and time.monotonic() >= end:
                print(f"{cell.dataset} {cell.candidate} was under way; it is run again next time.")
                continue
            if isinstance(got, str):
                failed[f"{cell.dataset} {cell.candidate}"] = got
            else:
                add(chosen.out, got)
                done += 1
            outcome = f"failed: {got}" if isinstance(got, str) else got[-1]["test_score"]
            minutes = max(end - time.monotonic(), 0.0) / 60
            print(f"{number}/{len(missing)} {cell.dataset} {cell.candidate}: {outcome}; {minutes:.1f} min", flush=True)
    finally:
        note(chosen.out.with_suffix(".json"), (time.monotonic() - begun) / 3600, done, failed, chosen.rows)


def main() -> None:
    """Record what is missing."""
    parser = options(__doc__)
    parser.add_argument("--work", type=Path, default=Path("bench-work/bank"))
    parser.add_argument("--out", type=Path, default=BANK)
    parser.add_argument("--rows", type=int, default=400, help="training rows, at most 2,000")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=180.0, help="then it ends; what is under way is left out")
    parser.add_argument("--list", action="store_true", help="say what is missing, and do nothing")
    parser.add_argument("--ship", action="store_true", help="write the experience of the package, and record nothing")
    chosen = parser.parse_args()
    if not 2 <= chosen.rows <= 2_000:
        parser.error(f"--rows is {chosen.rows}; 2 to 2,000 are allowed.")
    if not chosen.minutes > 0:
        parser.error(f"--minutes is {chosen.minutes:g}; more than 0 are needed.")
    if chosen.ship:
        try:
            print(ship(chosen.out, SHIPPED))
        except GoldilocksError as error:
            parser.error(str(error))
        return
    try:
        seen = recorded(chosen.out)
    except GoldilocksError as error:
        parser.error(str(error))
    everything = cells(pairs(), tuple(SETS))
    missing = [cell for cell in everything if cell.key(chosen.rows, chosen.seed) not in seen]
    if chosen.list:
        for cell in missing:
            print(cell.dataset, cell.candidate)
        print(f"{len(missing)} of {len(everything)} cells are missing.")
        return
    fill(missing, chosen)


if __name__ == "__main__":
    main()
