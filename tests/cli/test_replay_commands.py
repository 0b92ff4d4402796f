"""``goldilocks replay`` and ``goldilocks experience``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from goldilocks.cli.main import app
from goldilocks.testing.races import rows, write

RUN = Path(__file__).parents[1] / "fixtures" / "v0.1" / "run"


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("GOLDILOCKS_CACHE", str(tmp_path / "cache"))
    return CliRunner()


def test_replay_prints_regret_of_each_policy(invoke: CliRunner, tmp_path: Path) -> None:
    table = write(tmp_path / "t.csv", rows(sets=4))
    done = invoke.invoke(app, ["replay", str(table), "--policy", "value", "--policy", "random", "--repeats", "1"])
    assert done.exit_code == 0, done.output
    assert "4 races on 4 data sets" in done.output
    assert "random" in done.output
    printed = invoke.invoke(app, ["replay", str(table), "--policy", "value", "--budget", "0.5", "--json"])
    content = json.loads(printed.stdout)  # nothing but JSON: `> replays.json` is in the help
    assert {entry["policy"] for entry in content["replays"]} == {"value"}


def test_replay_says_which_rungs_it_leaves_out(invoke: CliRunner, tmp_path: Path) -> None:
    whole = rows(sets=3)
    first = next(line for line in whole if line["rung"] == "0.1")
    table = write(tmp_path / "t.csv", [line for line in whole if line is not first])
    done = invoke.invoke(app, ["replay", str(table), "--policy", "value", "--budget", "0.5"])
    assert done.exit_code == 0, done.output
    assert "rung 0.1 is left out of 1 data sets" in done.stderr


def test_experience_is_imported_shown_exported_and_forgotten(invoke: CliRunner, tmp_path: Path) -> None:
    table = write(tmp_path / "t.csv", rows(sets=2))
    assert "no experience yet" in invoke.invoke(app, ["experience", "show"]).output
    assert "32 rungs" in invoke.invoke(app, ["experience", "import", str(table)]).output
    assert "d1" in invoke.invoke(app, ["experience", "show"]).output
    out = tmp_path / "out.csv"
    assert invoke.invoke(app, ["experience", "export", str(out)]).exit_code == 0
    assert out.read_text().count("\n") == 33
    assert "16 rungs deleted" in invoke.invoke(app, ["experience", "forget", "d0"]).output
    assert invoke.invoke(app, ["experience", "forget", "--yes"]).exit_code == 0


def test_a_finished_run_is_imported(invoke: CliRunner, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(RUN, run)
    done = invoke.invoke(app, ["experience", "import", str(run), "--name", "desk"])
    assert done.exit_code == 0, done.output
    assert "desk" in invoke.invoke(app, ["experience", "show"]).output
