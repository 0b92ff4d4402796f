"""Free text of models that learn it from nothing: task file, search or tuning, bundle, answers, scores."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from goldilocks.bundle.read import load
from goldilocks.bundle.verify import verify
from goldilocks.cli.predict import predict
from goldilocks.fine_tune import tune_one
from goldilocks.flow import select
from goldilocks.judge import evaluate_bundle
from goldilocks.records import Generation, TaskSpec
from goldilocks.settings import RunSettings, task_from
from goldilocks.testing import tiny

HOW = {"max_tokens": 4, "temperature": 0.7, "seed": 1}


@pytest.fixture(autouse=True)
def _no_tokenizers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalogue's take seconds to read, and no family here needs them."""
    monkeypatch.setattr("goldilocks.flow.token_counters", dict)


def task(folder: Path, family: str) -> TaskSpec:
    rows = [{"prompt": str(text)[:9], "target": str(text)[9:]} for text in tiny.part(60).texts]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    given = {"name": "t", "task": "generation", "language": "en", "data": {"train": "rows.jsonl"}, "generation": HOW}
    return task_from({**given, "candidates": {"families": [family]}}, folder=folder)


@pytest.mark.parametrize(
    "candidate",
    ["ngram/word/scratch", "recurrent/gru_lm/scratch", "recurrent/gru/scratch", "seq2seq/transformer_tiny/scratch"],
)
def test_bundle_writes_as_the_task_file_and_the_flags_say(
    candidate: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    family, bundle = candidate.split("/")[0], tmp_path / "bundle"
    if family == "ngram":
        select(task(tmp_path, family), RunSettings(out=tmp_path))
    else:
        tune_one(task(tmp_path, family), candidate, RunSettings(out=bundle), {"epochs": 2.0})
    model = load(bundle).model
    assert model.generation == Generation(**HOW)  # type: ignore[attr-defined, arg-type]
    assert verify(bundle).ok
    capsys.readouterr()

    (tmp_path / "prompts.txt").write_text("the soup\nwe saw a\n")

    def said(**flags: object) -> list[str]:
        predict(bundle, tmp_path / "prompts.txt", **flags)  # type: ignore[arg-type]
        return [json.loads(line)["text"] for line in capsys.readouterr().out.splitlines()]

    assert said() == said()
    assert said(temperature=0.0) == said(temperature=0.0, seed=5)
    assert said(temperature=1.0, seed=1) != said(temperature=1.0, seed=2)
    (whole, _) = said(temperature=0.0)
    if len(whole) > 2:
        stop = whole[1:].strip()[1:3]
        assert said(temperature=0.0, stop=[stop])[0].strip() == whole[: whole.index(stop)].strip()

    result = evaluate_bundle(bundle, str(tmp_path / "rows.jsonl"), {})
    assert {"distinct_1", "distinct_2", "repetition"} <= result.scores.keys()
