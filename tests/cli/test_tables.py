"""What the tables of the terminal show."""

from __future__ import annotations

import io
import re

import numpy as np
from rich.console import Console
from sklearn.metrics import classification_report as sklearn_report

from goldilocks.cli.tables import classification_report
from goldilocks.evaluation.classes import class_rows, confusion
from goldilocks.records import Evaluation, Measured


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
