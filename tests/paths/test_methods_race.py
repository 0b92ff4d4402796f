"""Whole runs that race methods on request, on an encoder and a decoder; a student waits for a teacher."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from goldilocks.catalog.known import catalogue
from goldilocks.flow import select
from goldilocks.settings import RunSettings
from goldilocks.testing import tiny

pytestmark = pytest.mark.slow


def test_methods_are_raced_on_two_families_and_a_student_learns_from_a_finished_candidate(tmp_path: Path) -> None:
    part = tiny.part(120)
    rows = [
        {"text": f"{text} {row}", "label": label}
        for row, (text, label) in enumerate(zip(part.texts, part.gold, strict=True))
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    encoder = tiny.encoder_folder(tmp_path / "tiny-bert")
    decoder = tiny.decoder_folder(tmp_path / "tiny-gemma")
    known = [f"{info.family}/{info.name}" for info in catalogue() if info.family in ("encoder", "decoder")]
    spec = {
        "name": "tiny",
        "data": {"train": "rows.jsonl"},
        "candidates": {
            "families": ["encoder", "decoder"],
            "models": [str(encoder), str(decoder)],
            "methods": ["reft", "prefix", "distil"],
            "exclude": [*known, "decoder/*/distil"],
        },
        "training": {"epochs": 2},
        "budget": "30m",
    }
    (tmp_path / "task.yaml").write_text(json.dumps(spec))
    decision = select(tmp_path / "task.yaml", RunSettings(out=tmp_path / "run", policy="exhaustive", offline=True))
    rows_of = {row.candidate: row for row in decision.candidates if row.score is not None}
    models = ("encoder/tiny-bert", "decoder/tiny-gemma")
    wanted = {f"{model}/{method}" for model in models for method in ("reft", "prefix")}
    assert wanted | {"encoder/tiny-bert/distil"} <= set(rows_of)
    assert all(row.footprint is not None and row.cost is not None for row in rows_of.values())
    trials = [json.loads(line) for line in (tmp_path / "run" / "trials.jsonl").read_text().splitlines()]
    first = next(at for at, trial in enumerate(trials) if trial["candidate"].endswith("/distil"))
    chosen = tmp_path / "run" / "runs" / "encoder--tiny-bert--distil" / "teacher.json"
    teacher = json.loads(chosen.read_text())["teacher"]
    assert any(trial["candidate"] == teacher and trial["share"] == 1 for trial in trials[:first])
