"""Sentences read together, on the whole path: select, predict, evaluate, verify."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from goldilocks import load
from goldilocks.bundle.verify import verify
from goldilocks.cli.predict import predict
from goldilocks.cli.select import select
from goldilocks.judge import evaluate_bundle
from goldilocks.testing import tiny

NAMES = ("soup", "bread", "bank", "loan", "match", "goal")
FAMILIES = ["crf", "majority"]


def _columns(sentences: list[tuple[str, ...]]) -> str:
    """CoNLL columns, a document of 5 sentences each."""
    result = []
    for number, words in enumerate(sentences):
        result += ["-DOCSTART- O", ""] if number % 5 == 0 else []
        result += [*(f"{word} {'B-thing' if word in NAMES else 'O'}" for word in words), ""]
    return "\n".join(result)


def test_rows_of_several_sentences_go_the_whole_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sentences = [tuple(str(text).split()) for text in tiny.part(120).texts]
    data = tmp_path / "names.conll"
    data.write_text(_columns(sentences))
    spec = {"name": "names", "task": "ner", "data": {"train": "names.conll", "sentences": 3}, "budget": "5m"}
    (tmp_path / "task.yaml").write_text(json.dumps(spec | {"candidates": {"families": FAMILIES}}))
    select(tmp_path / "task.yaml", out=tmp_path / "run", accept_baseline=True)
    bundle = load(tmp_path / "run" / "bundle")
    assert bundle.info.sentences == 3
    assert sum(bundle.info.rows.values()) <= 2 * 120 // 5  # of 5 sentences 3 and 2

    row = {"tokens": [["the", "soup"], ["a", "bank", "loan"]]}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    capsys.readouterr()
    predict(tmp_path / "run" / "bundle", tmp_path / "rows.jsonl")
    prediction = json.loads(capsys.readouterr().out)
    assert prediction["tokens"] == ["the", "soup", "a", "bank", "loan"]
    assert [(entry["text"], entry["start"]) for entry in prediction["entities"]] == [
        ("soup", 1),
        ("bank", 3),
        ("loan", 4),
    ]
    text = bundle.predict(["the soup\na bank loan"])[0]
    assert text.answer == tuple(prediction["tags"])
    assert text.score == pytest.approx(prediction["score"], abs=1e-6)  # the lines of a text are its sentences

    result = evaluate_bundle(tmp_path / "run" / "bundle", str(data), {})
    assert result.score.n == 2 * 120 // 5
    assert verify(tmp_path / "run" / "bundle").ok
