"""A start that is refused leaves a run as it is, and nothing behind where no run was."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from api_rows import labelled

import goldilocks
from goldilocks.api import task_spec
from goldilocks.errors import GoldilocksError
from goldilocks.records import TaskSpec
from goldilocks.selection.workspace import Workspace
from goldilocks.settings import RunSettings
from goldilocks.support.files import to_json, write_text

ROWS = labelled(60)
OTHERS = [{**row, "body": f"{row['body']} again"} for row in ROWS]
COLUMNS: dict[str, Any] = {"text": "body", "target": "topic"}


@pytest.fixture(autouse=True)
def _without_token_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("goldilocks.flow.token_counters", dict)


def begun(folder: Path, data: Any) -> TaskSpec:
    """A run as one that was interrupted early leaves it."""
    spec = task_spec(data, folder=folder, text="body", target="topic")
    workspace = Workspace(folder)
    workspace.begin(spec, resume=False)
    write_text(workspace.data, to_json({"fingerprint": "of the rows of then"}))
    write_text(workspace.pool, "{}")
    (folder / ".rows.7.part").write_text("half")  # of a process that was killed
    return spec


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


def _select(data: Any, run: Path) -> object:
    return goldilocks.select(data, RunSettings(resume=True, out=run), **COLUMNS, progress=lambda _: None)


@pytest.mark.parametrize("begin_with", [list, pd.DataFrame], ids=["list", "frame"])
@pytest.mark.parametrize(
    "start",
    [
        lambda run: _select(OTHERS, run),
        lambda run: _select(pd.DataFrame(OTHERS), run),
        lambda run: goldilocks.select(OTHERS, out=run, **COLUMNS, progress=lambda _: None),
        lambda run: goldilocks.tune(OTHERS, "naive_bayes/word12/scratch", out=run, **COLUMNS),
        lambda run: goldilocks.continue_tuning(run, OTHERS, out=run, **COLUMNS),
    ],
    ids=["other list", "other frame", "without resume", "tune", "continue_tuning"],
)
def test_refused_start_changes_nothing_of_a_run(
    begin_with: Callable[[Any], Any], start: Callable[[Path], object], tmp_path: Path
) -> None:
    begun(tmp_path / "run", begin_with(ROWS))
    before = content(tmp_path / "run")
    with pytest.raises(GoldilocksError):
        start(tmp_path / "run")
    assert content(tmp_path / "run") == before


def test_refusal_for_a_changed_file_leaves_the_budget_that_was_noted(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    pd.DataFrame(OTHERS).to_csv(file, index=False)
    spec = begun(tmp_path / "run", file)
    before = content(tmp_path / "run")
    longer = dataclasses.replace(spec, budget_seconds=9e3)
    with pytest.raises(GoldilocksError, match="this run used other data"):
        goldilocks.select(longer, RunSettings(resume=True, out=tmp_path / "run"), progress=lambda _: None)
    assert content(tmp_path / "run") == before


def test_same_rows_may_be_passed_again(tmp_path: Path) -> None:
    for name, data in (("list", ROWS), ("frame", pd.DataFrame(ROWS))):
        spec = begun(tmp_path / name, data)
        assert task_spec(data, folder=tmp_path / name, text="body", target="topic") == spec


@pytest.mark.parametrize("there", [True, False], ids=["an empty folder", "no folder"])
def test_start_with_unusable_rows_leaves_a_folder_as_it_was(there: bool, tmp_path: Path) -> None:
    run = tmp_path / "run"
    if there:
        run.mkdir()
        (run / "notes.txt").write_text("mine")
    with pytest.raises(GoldilocksError, match="there is no column 'topic'"):
        goldilocks.select([{"body": "a"}] * 20, out=run, **COLUMNS, progress=lambda _: None)
    assert [path.name for path in run.glob("*")] == (["notes.txt"] if there else [])
