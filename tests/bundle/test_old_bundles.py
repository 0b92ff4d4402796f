"""Bundles written by version 0.1 load, and answer what their predictions say they answered when they were written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from goldilocks import load
from goldilocks.bundle.read import read_info
from goldilocks.bundle.verify import verify

OLD = Path(__file__).parents[1] / "fixtures" / "v0.1"
BUNDLES = sorted(path.parent.name for path in OLD.glob("*-*/bundle.json"))


def test_there_is_an_old_bundle_of_each_kind_of_answer() -> None:
    assert {read_info(OLD / name).output.value for name in BUNDLES} == {
        "label",
        "tags",
        "score",
        "span",
        "text",
        "likelihood",
    }


@pytest.mark.parametrize("name", BUNDLES)
def test_old_bundle_answers_as_it_did_when_it_was_written(name: str) -> None:
    bundle = load(OLD / name)
    stored = bundle.info.predictions
    answers = bundle.answers([item.text for item in stored])

    assert len(stored) == 4
    for answer, expected in zip(answers.values, stored, strict=True):
        if isinstance(expected.answer, float):
            assert answer == pytest.approx(expected.answer, abs=1e-3)
        else:
            assert answer == expected.answer
    scores = [np.nan if item.score is None else item.score for item in stored]
    assert answers.scores.tolist() == pytest.approx(scores, abs=1e-3, nan_ok=True)
    assert verify(OLD / name).ok
