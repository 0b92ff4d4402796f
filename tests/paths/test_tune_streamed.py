"""``goldilocks tune`` with ``data.stream``: training rows in files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from goldilocks.bundle.read import load
from goldilocks.errors import InputError
from goldilocks.fine_tune import tune_one
from goldilocks.records import TaskSpec
from goldilocks.settings import RunSettings, task_from
from goldilocks.testing import tiny

CANDIDATE = "encoder/tiny-bert/full"


def task(folder: Path, *, stream: bool = True) -> TaskSpec:
    for name, part in (
        ("train", tiny.part(120)),
        ("validation", tiny.part(30, seed=1)),
        ("test", tiny.part(9, seed=2)),
    ):
        lines = [
            json.dumps({"text": f"{text} {name} {at}", "label": gold})
            for at, (text, gold) in enumerate(zip(part.texts, part.gold, strict=True))
        ]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    model = tiny.encoder_folder(folder / "tiny-bert")
    data = {"train": "train.jsonl", "validation": "validation.jsonl", "test": "test.jsonl", "stream": stream}
    return task_from({"data": data, "language": "en", "candidates": {"models": [str(model)]}}, folder=folder)


def test_a_streamed_run_is_that_in_memory(tmp_path: Path) -> None:
    overrides = {"epochs": 4.0, "learning_rate": 1e-3}
    streamed, in_memory = tmp_path / "streamed", tmp_path / "in_memory"
    spec = task(tmp_path)
    score = tune_one(spec, CANDIDATE, RunSettings(out=streamed), overrides)
    again = tune_one(
        replace(spec, data=replace(spec.data, stream=False)), CANDIDATE, RunSettings(out=in_memory), overrides
    )
    assert score == again
    texts = list(tiny.part(30, seed=1).texts)
    ours, theirs = load(streamed).predict(texts), load(in_memory).predict(texts)
    assert [prediction.answer for prediction in ours] == [prediction.answer for prediction in theirs]
    bundles = [json.loads((folder / "bundle.json").read_text()) for folder in (streamed, in_memory)]
    assert bundles[0]["data_fingerprint"] == bundles[1]["data_fingerprint"]
    assert {path.name for path in tmp_path.iterdir() if path.suffix != ".jsonl"} == {
        "streamed",
        "in_memory",
        "tiny-bert",
    }


def test_a_model_that_is_fitted_at_once_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"needs all training rows in memory; leave out data\.stream"):
        tune_one(task(tmp_path), "tfidf_linear/word/scratch", RunSettings(out=tmp_path / "b"), {})


def test_a_search_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"data\.stream is for a single run; leave it or --search out"):
        tune_one(task(tmp_path), CANDIDATE, RunSettings(out=tmp_path / "b"), {}, trials=3)
