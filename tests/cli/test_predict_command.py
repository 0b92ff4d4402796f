"""``goldilocks predict``: formats, kept columns, the columns of training."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from goldilocks.cli.main import app
from goldilocks.errors import InputError
from goldilocks.events import silent
from goldilocks.flow import select
from goldilocks.settings import RunSettings, task_from

WORDS = {"sport": "goal match referee striker league", "money": "bank loan interest shares credit"}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("predict")
    rows = []
    for number in range(100):
        topic = ("sport", "money")[number % 2]
        words = WORDS[topic].split()
        rows.append(f"{number},{words[number % 5]} {words[(number // 5) % 5]} report {number},{topic}")
    (folder / "t.csv").write_text("\n".join(["id,body,topic", *rows]) + "\n")
    fields = {"text": "body", "label": "topic"}
    raw = {"data": {"train": str(folder / "t.csv"), "fields": fields}, "budget": "30s"}
    spec = task_from(raw | {"candidates": {"families": ["majority", "naive_bayes"]}})
    select(spec, RunSettings(out=folder / "run"), silent)
    return folder / "run" / "bundle"


def run(*arguments: object, text: str | None = None) -> str:
    done = CliRunner().invoke(app, ["predict", *map(str, arguments)], input=text)
    if done.exception is not None:
        raise done.exception
    return done.stdout


def test_table_is_read_by_the_columns_of_training_and_columns_are_kept(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("id,body\n7,referee goal\n8,loan interest\n")
    rows = [json.loads(line) for line in run(bundle, tmp_path / "new.csv", "--keep", "id,body").splitlines()]
    assert [(row["id"], row["body"], row["label"]) for row in rows] == [
        ("7", "referee goal", "sport"),
        ("8", "loan interest", "money"),
    ]


def test_rows_named_by_role_are_read_too(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "new.jsonl").write_text('{"text": "referee goal"}\n{"body": "loan interest"}\n')
    assert [json.loads(line)["label"] for line in run(bundle, tmp_path / "new.jsonl").splitlines()] == [
        "sport",
        "money",
    ]


def test_csv_is_a_table_and_out_a_whole_file(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("id,body\n7,referee goal\n8,loan interest\n")
    out = tmp_path / "predictions.csv"
    assert run(bundle, tmp_path / "new.csv", "--format", "csv", "--keep", "id", "--out", out) == ""
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["id"], row["label"], row["error"]) for row in rows] == [("7", "sport", ""), ("8", "money", "")]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_row_that_cannot_be_used_keeps_its_columns_and_its_place(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("id,body\n7,\n8,loan interest\n")
    done = CliRunner().invoke(app, ["predict", str(bundle), str(tmp_path / "new.csv"), "--keep", "id"])
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert rows[0] == {"id": "7", "error": rows[0]["error"]}
    assert rows[0]["error"].startswith("row 1: text is empty")
    assert rows[1]["label"] == "money"
    assert isinstance(done.exception, InputError)
    assert "1 of 2 rows have no prediction" in str(done.exception)


def test_column_to_keep_that_is_not_there_is_named(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("id,body\n7,referee\n")
    with pytest.raises(InputError, match="nr"):
        run(bundle, tmp_path / "new.csv", "--keep", "nr")


def test_out_that_cannot_be_written_is_said(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("id,body\n7,referee\n")
    with pytest.raises(InputError, match=r"p.jsonl: cannot be written \(No such file"):
        run(bundle, tmp_path / "new.csv", "--out", tmp_path / "missing" / "p.jsonl")
