"""How each command ends: exit code, one line, no traceback."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from goldilocks.cli.main import app


def goldilocks(*arguments: str | Path, given: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "goldilocks", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, input=given, timeout=240, check=False)


def fails(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """Ended with ``code`` and one line that holds ``words``."""
    assert done.returncode == code, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in lines[0]


def table(path: Path, rows: int = 60) -> Path:
    # Words of their own for each row, so that no two are near duplicates.
    lines = [" ".join(f"w{i * 31 + j * 977}" for j in range(6)) + f",{'ab'[i % 2]}\n" for i in range(rows)]
    path.write_text("text,label\n" + "".join(lines))
    return path


def test_help_of_every_command_has_an_example() -> None:
    listing = CliRunner().invoke(app, ["--help"])
    assert listing.exit_code == 0
    commands = (
        "check",
        "candidates",
        "select",
        "decide",
        "tune",
        "evaluate",
        "compress",
        "export",
        "predict",
        "report",
        "pretrain",
        "verify",
        "serve",
        "keys add",
        "promote",
        "rollback",
        "deploy",
        "list",
        "demo",
    )
    for command in commands:
        assert command.split()[0] in listing.stdout
        shown = CliRunner().invoke(app, [*command.split(), "--help"])
        assert shown.exit_code == 0
        assert f"goldilocks {command}" in " ".join(shown.stdout.split())


def test_unknown_key_in_the_task_file_names_the_nearest(tmp_path: Path) -> None:
    task = tmp_path / "task.yaml"
    task.write_text("name: x\ndata: {train: a.csv}\nmetrics: accuracy\n")
    fails(goldilocks("check", task), 2, "unknown key 'metrics'", "Did you mean 'metric'")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("task: text_clasification", ("'text_clasification'", "Did you mean 'text_classification'")),
        ("metric: macrof1", ("'macrof1'", "Did you mean 'macro_f1'")),
        ("candidates: {families: [encodr]}", ("'encodr'", "Did you mean 'encoder'")),
    ],
)
def test_unknown_value_in_the_task_file_names_the_nearest(tmp_path: Path, line: str, words: tuple[str, ...]) -> None:
    table(tmp_path / "a.csv")
    task = tmp_path / "task.yaml"
    task.write_text(f"name: x\ndata: {{train: a.csv}}\n{line}\n")
    fails(goldilocks("select", task, "--out", tmp_path / "run"), 2, *words)


def test_missing_data_file_is_named(tmp_path: Path) -> None:
    fails(goldilocks("check", tmp_path / "no.csv"), 2, "no.csv")


def test_missing_column_says_which_there_are_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("body,topic\nx,y\n")
    fails(goldilocks("check", path), 2, "text", "'body', 'topic'")


def test_field_that_is_no_pair_is_refused(tmp_path: Path) -> None:
    fails(goldilocks("check", table(tmp_path / "a.csv"), "--field", "text"), 2, "write role=column")


def columns(path: Path, rows: int = 60) -> Path:
    # One word of each sentence is its own, so that no two are near duplicates.
    sentences = [
        "".join(f"w{i * 31 + j * 977} {'B-X' if j == i % 3 else 'O'}\n" for j in range(6)) for i in range(rows)
    ]
    path.write_text("\n".join(sentences))
    return path


@pytest.mark.parametrize("name", ["eng.train", "train"])
def test_data_of_any_task_need_no_task_file(tmp_path: Path, name: str) -> None:
    data = columns(tmp_path / name)
    done = goldilocks("check", data, "--task", "ner", "--language", "de", "--metric", "entity_recall", "--json")
    assert done.returncode == 0, done.stderr
    profile = json.loads(done.stdout)["profile"]
    assert profile["facts"]["train"]["X entities"] == profile["rows"]["train"]
    assert profile["language"] == "de"
    fails(goldilocks("check", data, "--task", "nerr"), 2, "'nerr'", "Did you mean 'ner'")


def test_folder_is_data(tmp_path: Path) -> None:
    for label in "ab":
        (tmp_path / "texts" / label).mkdir(parents=True)
        for i in range(30):
            words = " ".join(f"{label}{i * 31 + j * 977}" for j in range(6))
            (tmp_path / "texts" / label / f"{i}.txt").write_text(words)
    done = goldilocks("check", tmp_path / "texts", "--json")
    assert sum(json.loads(done.stdout)["profile"]["rows"].values()) == 60, done.stderr


@pytest.mark.parametrize(("option", "value"), [("task", "ner"), ("language", "de"), ("metric", "accuracy")])
def test_what_belongs_into_the_task_file_is_refused_beside_one(tmp_path: Path, option: str, value: str) -> None:
    task = tmp_path / "task.yaml"
    task.write_text("name: x\ndata: {train: a.csv}\n")
    fails(goldilocks("check", task, f"--{option}", value), 2, f"in a task file write {option}: {value}")


def test_check_refuses_a_metric_of_another_kind_of_answer(tmp_path: Path) -> None:
    data = columns(tmp_path / "a.conll")
    fails(
        goldilocks("check", data, "--task", "ner", "--metric", "accuracy"), 2, "accuracy is about label, ner gives tags"
    )


def test_place_of_the_evaluation_is_tried_before_anything_is_scored(tmp_path: Path) -> None:
    done = goldilocks("evaluate", tmp_path / "no-bundle", table(tmp_path / "a.csv"), "--out", tmp_path)
    fails(done, 2, f"{tmp_path}: is a folder; name a file")


def test_verbose_shows_the_traceback(tmp_path: Path) -> None:
    done = goldilocks("--verbose", "check", tmp_path / "no.csv")
    assert done.returncode == 2
    assert "Traceback" in done.stderr


def test_option_that_does_not_exist_is_a_usage_error() -> None:
    done = goldilocks("select", "--polcy", "value")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_check_prints_the_profile_as_json(tmp_path: Path) -> None:
    done = goldilocks("check", table(tmp_path / "a.csv"), "--json")
    assert done.returncode == 0, done.stderr
    assert sum(json.loads(done.stdout)["profile"]["rows"].values()) == 60


def test_list_names_the_plugins_and_the_nearest_shelf() -> None:
    assert "macro_f1" in goldilocks("list", "metrics").stdout
    fails(goldilocks("list", "metric"), 2, "Did you mean 'metrics'")


def test_bundle_that_is_not_there_is_named(tmp_path: Path) -> None:
    for command in (("predict", tmp_path), ("verify", tmp_path), ("evaluate", tmp_path, "x.csv")):
        fails(goldilocks(*command, given=""), 2, str(tmp_path))


def test_report_of_a_folder_without_a_run_says_so(tmp_path: Path) -> None:
    fails(goldilocks("report", tmp_path), 2, "there is no such file")


def test_output_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    done = goldilocks("select", table(tmp_path / "a.csv"), "--out", tmp_path / "run")
    fails(done, 2, "cannot be written to", "--out")
