"""Distillation into pretrained encoders, through a whole search: each student is a trial of its own, with its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from goldilocks import plugins
from goldilocks.compression.search import SearchPlan, SearchResult, search
from goldilocks.compression.trial import Comparison, SavedModel
from goldilocks.protocols import PretrainedModel
from goldilocks.records import Footprint, Measured, Text
from goldilocks.testing import tiny
from goldilocks.testing.compression import calibration, pretrained

GATE = tiny.part(60, seed=1)


def footprint(family: str, engine: str, folder: Path, texts: Sequence[Text]) -> Footprint:
    second = Measured(1.0, 1.0, 1.0, 1, "ms")
    size = sum(path.stat().st_size for path in folder.iterdir())
    return Footprint(0.1, second, second, 1000.0, 10**8, size)


def searched(students: Sequence[PretrainedModel], folder: Path, max_loss: float = 1.0) -> SearchResult:
    (folder / "model").mkdir(parents=True)
    tiny.encoder(folder / "checkpoint", tiny.part(), depth=3).save(folder / "model")
    model = SavedModel(folder / "model", "encoder", "native")
    answers = model.load().predict(GATE.texts)
    comparison = Comparison(GATE, tiny.GOAL, plugins.load("metrics", "accuracy"), max_loss, answers, footprint)
    texts = replace(calibration(tiny.part(200).texts), pretrained=tuple(students))
    baseline = comparison.baseline(model)
    return search(
        model, baseline, comparison, folder / "trials", calibration=texts, plan=SearchPlan(only=("distilled_encoder",))
    )


def named(folder: Path, *, width: int) -> PretrainedModel:
    model = pretrained(folder, width=width)
    return replace(model, info=replace(model.info, name=folder.name))


def test_each_student_is_a_trial_and_the_smallest_that_passes_is_taken(tmp_path: Path) -> None:
    result = searched([named(tmp_path / "small", width=16), named(tmp_path / "smaller", width=8)], tmp_path / "search")

    assert [trial.steps for trial in result.trials] == [("distilled_encoder small",), ("distilled_encoder smaller",)]
    assert {trial.family for trial in result.trials} == {"encoder"}
    assert result.taken is not None
    assert result.taken.steps == ("distilled_encoder smaller",)


def test_smaller_student_is_not_tried_after_one_that_fails(tmp_path: Path) -> None:
    students = [named(tmp_path / "small", width=16), named(tmp_path / "smaller", width=8)]

    result = searched(students, tmp_path / "search", max_loss=1e-6)

    assert [trial.steps for trial in result.trials] == [("distilled_encoder small",)]
    assert not result.trials[0].passed


@pytest.mark.parametrize("width", [None, 64])
def test_without_a_smaller_model_it_is_not_tried_and_says_what_to_do(width: int | None, tmp_path: Path) -> None:
    students = [named(tmp_path / "large", width=width)] if width else []

    result = searched(students, tmp_path / "search")

    ((name, reason),) = result.skipped
    assert name == "distilled_encoder"
    assert reason.startswith(f"none of the {len(students)} pretrained models at hand is a smaller one")
    assert "--student" in reason
