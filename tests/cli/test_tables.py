"""What the tables of the terminal show."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from rich.console import Console
from sklearn.metrics import classification_report as sklearn_report

from goldilocks.cli.tables import classification_report, evaluation_tables, leaderboard
from goldilocks.evaluation.classes import class_rows, confusion
from goldilocks.records import (
    ClassRow,
    Decision,
    EntityRow,
    Evaluation,
    Footprint,
    Machine,
    Measured,
    Objective,
    Prices,
    Search,
    Standing,
)
from goldilocks.support.console import PlainConsole


def test_classification_report_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    gold = rng.choice(["card", "login", "rare"], 200, p=[0.6, 0.37, 0.03]).tolist()
    answers = [answer if rng.random() < 0.7 else str(rng.choice(["card", "login"])) for answer in gold]
    labels = ("card", "login", "never", "rare")
    score = Measured(0.7, 0.6, 0.8, 200, "score")
    counts = tuple(tuple(row) for row in confusion(gold, answers, labels).tolist())
    evaluation = Evaluation(
        "accuracy", score, {"accuracy": score}, class_rows(gold, answers, labels), labels, counts, (), (), "test", "f"
    )
    out = io.StringIO()

    Console(file=out, width=100).print(classification_report(evaluation))

    split = [re.split(r"\s+(?=[\d.,])", line.strip(), maxsplit=1) for line in out.getvalue().splitlines()]
    shown = {name: numbers.split() for name, numbers in (piece for piece in split if len(piece) == 2)}
    theirs = sklearn_report(gold, answers, digits=3, zero_division=0).splitlines()
    lines = [line for line in theirs[1:] if line.strip()]
    assert len(lines) == 6
    for line in lines:
        assert shown[line[:13].strip()] == line[13:].split()
    assert shown["never"] == ["0.000", "0.000", "0.000", "0"]


def test_tagged_sentences_are_reported_by_entity_type_and_their_tags_by_words() -> None:
    score = Measured(0.5, 0.4, 0.6, 2, "score")  # of 2 sentences with 9 words
    tags = (ClassRow("B-PER", 0.5, 0.25, 1 / 3, 4), ClassRow("O", 0.5, 0.8, 0.615, 5))
    evaluation = Evaluation(
        "entity_f1", score, {"entity_f1": score}, tags, ("B-PER", "O"), ((1, 3), (1, 4)), (), (), "test", "f",
        entities=(EntityRow("PER", gold=4, predicted=2, found=1),),
    )  # fmt: skip
    out = io.StringIO()

    Console(file=out, width=100).print(*evaluation_tables(evaluation))

    # Precision 1/2, recall 1/4, F1 2 / (4 + 2).
    assert re.search(r"F1 +entities *\nPER +0.500 +0.250 +0.333 +4", out.getvalue())
    assert re.search(r"F1 +words *\nB-PER", out.getvalue())
    assert "texts" not in out.getvalue().split("metrics")[0]


@pytest.mark.parametrize("name_length", [20, 38, 42])
def test_each_candidate_is_one_line_of_80_columns(name_length: int) -> None:
    names = [letter * (name_length - len("/full")) + "/full" for letter in "ab"]
    milliseconds = Measured(13.2, 12.0, 14.0, 64, "ms")
    standings = tuple(
        Standing(
            name, "f", "m", "full", "tied", "", share=1.0, score=Measured(0.974, 0.941, 0.994, 153, "macro_f1"),
            J=8_693.0, footprint=Footprint(0.4, milliseconds, milliseconds, 300.0, 10**8, 10**7),
        )
        for name in names
    )  # fmt: skip
    decision = Decision(
        winner=standings[0], tied=tuple(names), map=(), candidates=standings, objective=Objective(), prices=Prices(),
        alpha=1.0, metric="macro_f1", sentence="", search=Search(1.0, 2, 3.0, "value", ""), task="t", seed=0,
        data_fingerprint="", versions={}, machine=Machine(2, 10**9, "cpu", 1.0, False, "m"),
    )  # fmt: skip
    out = io.StringIO()

    PlainConsole(file=out, width=80).print(leaderboard(decision))

    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    for name in names:
        (line,) = (line for line in lines if name in line)
        assert line.split()[:5] == ["=", name, "0.974", "0.941–0.994", "8,693"]
