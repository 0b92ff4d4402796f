"""A bundle answers by the costs of errors and the threshold of review that it was decided with."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from made import DATASET, decision, facts, fitted

from goldilocks.bundle.read import load
from goldilocks.bundle.verify import verify
from goldilocks.bundle.write import Winner, write
from goldilocks.records import AnswerRule, Candidate

RULE = AnswerRule(error_costs=((0.0, 1.0), (99.0, 0.0)), review_below=0.999)


def bundle(folder: Path, rule: AnswerRule | None) -> Path:
    candidate = Candidate(facts("majority"), "scratch")
    return write(fitted("majority"), Winner(candidate, decision(candidate), rule), DATASET, folder / "bundle")


def test_bundle_answers_with_the_lowest_expected_cost_and_marks_what_is_unsure(tmp_path: Path) -> None:
    path = bundle(tmp_path, RULE)
    got = load(path).predict(["anything"])[0]
    # Both labels are equally frequent; a missed "wet" costs 99 times a missed "dry".
    assert got.answer == "wet"
    assert got.score == np.float32(0.5)
    assert got.review  # 1 - .5 / 99 is below .999
    assert verify(path).ok
    assert json.loads((path / "bundle.json").read_text())["answer_rule"]["error_costs"] == [[0.0, 1.0], [99.0, 0.0]]


def test_card_says_how_the_answers_come_about(tmp_path: Path) -> None:
    words = (bundle(tmp_path, RULE) / "README.md").read_text()
    assert "the label with the lowest expected cost of errors" in words
    assert "certainty below 0.999 are marked `review`" in words


def test_bundle_of_an_earlier_version_gives_the_most_probable_label(tmp_path: Path) -> None:
    path = bundle(tmp_path, None)
    raw = json.loads((path / "bundle.json").read_text())
    del raw["answer_rule"]
    (path / "bundle.json").write_text(json.dumps(raw))
    got = load(path).predict(["anything"])[0]
    assert (got.answer, got.review) == ("dry", False)
