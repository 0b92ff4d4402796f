"""``goldilocks pretrain``: what it prints, and how it fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from goldilocks.cli.main import app
from goldilocks.errors import InputError

TEXT = "the bank sent an invoice about the loan\nour coach saw a match\n" * 20


@pytest.fixture(autouse=True)
def _threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("goldilocks.support.machine.hardware.set_threads", lambda _threads=0: 1)


def test_it_writes_a_folder_and_says_how_it_went(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    out = tmp_path / "model"
    given = ["--vocabulary", "120", "--steps", "2", "--length", "16", "--licence", "mit", "--language", "en"]

    done = CliRunner().invoke(app, ["pretrain", str(tmp_path / "a.txt"), "--out", str(out), *given])

    assert done.exit_code == 0, done.output
    assert "40 documents" in done.output
    assert "step 2 of 2, loss" in done.output
    head = (out / "README.md").read_text().split("---")[1]
    assert 'license: "mit"' in head
    assert 'language: ["en"]' in head
    assert json.loads((out / "pretraining.json").read_text())["steps"] == 2


def test_a_name_that_is_no_model_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    done = CliRunner().invoke(app, ["pretrain", str(tmp_path / "a.txt"), "--from", "all-MiniLM-L6-v3"])
    assert isinstance(done.exception, InputError)
    assert "all-MiniLM-L6-v2" in str(done.exception)
