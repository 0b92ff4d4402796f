"""``check --strict`` and ``check --json``, and runs of a project that was moved."""

import json
import shutil
from pathlib import Path

import pytest
from case_files import as_csv, topic_rows
from typer.testing import CliRunner

from goldilocks.cli.main import app
from goldilocks.cli.task_file import spec_of
from goldilocks.errors import InputError
from goldilocks.selection.workspace import Workspace


@pytest.fixture
def rows_with_a_gap(tmp_path: Path) -> Path:
    """200 rows, one of them without a label; an empty line among them."""
    rows = topic_rows(200)
    rows[7] = (rows[7][0], "")
    path = tmp_path / "x.csv"
    path.write_bytes(as_csv(rows) + b"\n")
    return path


def test_json_reports_rows_and_lines(rows_with_a_gap: Path) -> None:
    done = CliRunner().invoke(app, ["check", str(rows_with_a_gap), "--json"])
    assert done.exit_code == 0
    sources = json.loads(done.stdout)["profile"]["sources"]
    assert sources == {"train": {"rows": 200, "usable": 199, "unusable": 1, "skipped": 0, "lines": 201}}


def test_strict_refuses_unusable_rows(rows_with_a_gap: Path) -> None:
    assert CliRunner().invoke(app, ["check", str(rows_with_a_gap)]).exit_code == 0
    done = CliRunner().invoke(app, ["check", str(rows_with_a_gap), "--strict"])
    assert isinstance(done.exception, InputError)
    assert done.exception.EXIT_CODE == 2
    assert "label is empty in row 8 (1 unusable row, --strict)" in str(done.exception)


def test_strict_lets_clean_data_pass(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(as_csv(topic_rows(200)))
    assert CliRunner().invoke(app, ["check", str(tmp_path / "x.csv"), "--strict"]).exit_code == 0


@pytest.mark.parametrize("by", ["data", "task file"])
def test_moved_project_resumes(tmp_path: Path, by: str) -> None:
    project = tmp_path / "before"
    project.mkdir()
    (project / "x.csv").write_bytes(as_csv(topic_rows(20)))
    (project / "task.yaml").write_text("name: t\ndata: {train: x.csv}\n")
    named = "x.csv" if by == "data" else "task.yaml"
    Workspace(project / "run").folder.mkdir()
    Workspace(project / "run").begin(spec_of(project / named), resume=False)
    shutil.move(project, tmp_path / "after")
    moved = tmp_path / "after"
    Workspace(moved / "run").begin(spec_of(moved / named), resume=True)
    other = "name: t\ndata: {train: y.csv}\n"
    (moved / "task.yaml").write_text(other)
    with pytest.raises(InputError, match=r"differs in data"):
        Workspace(moved / "run").begin(spec_of(moved / "task.yaml"), resume=True)


@pytest.mark.parametrize(
    ("content", "what"),
    [("name: " + "[" * 3_000, "is nested too deeply for settings"), ("\0name: t", "not valid YAML")],
)
def test_hostile_task_file_is_refused_in_one_line(tmp_path: Path, content: str, what: str) -> None:
    (tmp_path / "task.yaml").write_text(content)
    with pytest.raises(InputError, match=what) as caught:
        spec_of(tmp_path / "task.yaml")
    assert "\n" not in str(caught.value)
