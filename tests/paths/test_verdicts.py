"""Runs whose winner is of no use: everything is written, the headline says so, the exit code is 3."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import goldilocks
from goldilocks.errors import InputError
from goldilocks.selection.what_if import Changes, decide_again
from goldilocks.settings import RunSettings, task_from

CHEAP = ["majority", "naive_bayes"]


def write_rows(folder: Path, *, noise: bool) -> Path:
    draw = random.Random(3)
    lines = []
    for _ in range(240):
        label = draw.choice(["fine", "fine", "fraud"])
        words = [f"w{draw.randrange(400)}" for _ in range(10)]
        words += [] if noise else ["stolen", "card"] if label == "fraud" else ["good", "day"]
        lines.append(json.dumps({"text": " ".join(words), "label": label}))
    path = folder / "rows.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


def task_file(folder: Path, *, noise: bool, **more: Any) -> Path:
    write_rows(folder, noise=noise)
    task = folder / "task.yaml"
    spec = {"name": "t", "data": {"train": "rows.jsonl"}, "candidates": {"families": CHEAP}, "budget": "10m"}
    task.write_text(json.dumps(spec | more))
    return task


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "goldilocks", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture(scope="module")
def useless(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("noise")
    return folder, run("select", task_file(folder, noise=True), "--out", folder / "run")


@pytest.fixture(scope="module")
def useful(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("useful")
    objective = {"error_cost": 1.0, "error_costs": {"fraud": {"fine": 20}}, "review_cost": 0.3}
    done = run("select", task_file(folder, noise=False, objective=objective), "--out", folder / "run")
    assert done.returncode == 0, done.stderr
    assert "Better than the baselines" in done.stdout
    return folder


def test_useless_winner_ends_with_3_and_says_what_is_needed(
    useless: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, done = useless
    assert done.returncode == 3
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("error: "))
    assert re.fullmatch(
        r"error: no candidate is better than the baseline \(\w+\); pass --accept-baseline to exit with code 0\.", line
    )
    printed = " ".join(done.stdout.split())
    assert printed.count("o candidate is better than the baseline") == 1
    assert "What would help: models: let pretrained ones be candidates" in printed
    assert "labels:" in printed
    decision = json.loads((folder / "run" / "decision.json").read_text())
    assert decision["verdict"]["useful"] is False
    assert decision["verdict"].keys() >= {"useful", "against", "reason", "needs"}
    assert decision["sentence"].startswith("No candidate is better than the baseline")
    assert decision["test_score"] is not None


def test_report_and_card_say_it_first_and_mark_what_is_assumed(
    useless: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, _ = useless
    page = (folder / "run" / "report.html").read_text()
    assert '<h2 id="h-decision">No candidate is better than the baseline' in page
    assert "this task: 0.05 (assumed)" in page
    card = (folder / "run" / "bundle" / "README.md").read_text().split("---\n", 2)[2]
    assert card.split("\n\n")[1].startswith("No candidate is better than the baseline")
    assert "Assumed in the decision" in card
    assert "an error (a wrong label) costs 0.05 USD" in card


def test_accepted_baseline_ends_with_0(useless: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, _ = useless
    done = run("decide", folder / "run", "--out", folder / "again")
    assert done.returncode == 3
    done = run("decide", folder / "run", "--out", folder / "again", "--accept-baseline")
    assert done.returncode == 0, done.stderr


def test_python_api_returns_the_decision_with_its_verdict(tmp_path: Path) -> None:
    rows = write_rows(tmp_path, noise=True)
    spec = task_from({"data": {"train": str(rows)}, "candidates": {"families": CHEAP}, "budget": "10m"})
    decision = goldilocks.select(spec, RunSettings(out=tmp_path / "run"))
    assert decision.verdict is not None
    assert not decision.verdict.useful


def test_incumbent_that_is_perfect_is_kept_and_one_that_knows_nothing_is_replaced(useful: Path) -> None:
    done = run("decide", useful / "run", "--out", useful / "again", "--incumbent", useful / "rows.jsonl")
    assert done.returncode == 3
    assert "no candidate is better than the incumbent" in done.stderr
    rows = [json.loads(line) for line in (useful / "rows.jsonl").read_text().splitlines()]
    constant = useful / "constant.jsonl"
    constant.write_text("".join(json.dumps({"text": row["text"], "prediction": "fine"}) + "\n" for row in rows))
    done = run("decide", useful / "run", "--out", useful / "again", "--incumbent", constant)
    assert done.returncode == 0, done.stderr


def test_bundle_is_an_incumbent(useful: Path) -> None:
    done = run("decide", useful / "run", "--out", useful / "again", "--incumbent", useful / "run" / "bundle")
    # The winner is no better than itself.
    assert done.returncode == 3
    assert "no candidate is better than the incumbent" in done.stderr
    decision = json.loads((useful / "again" / "decision.json").read_text())
    losses = {entry["baseline"]: entry for entry in decision["verdict"]["comparisons"]}
    assert losses["incumbent"]["answers"] == "the incumbent (bundle)"


def test_bundle_applies_the_costs_of_errors(useful: Path) -> None:
    rule = json.loads((useful / "run" / "bundle" / "bundle.json").read_text())["answer_rule"]
    assert rule["error_costs"] == [[0.0, 1.0], [20.0, 0.0]]
    decision = json.loads((useful / "run" / "decision.json").read_text())
    assert decision["winner"]["review_below"] == rule["review_below"]
    assert decision["alpha"] == pytest.approx(20 * 200_000)


def test_costs_of_labels_that_do_not_exist_are_refused_before_anything_runs(tmp_path: Path) -> None:
    task = task_file(tmp_path, noise=False, objective={"error_costs": {"frud": {"fine": 5}}})
    with pytest.raises(InputError, match=r"'frud', which is not in the data\. Did you mean 'fraud'"):
        goldilocks.select(task, RunSettings(out=tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_incumbent_with_fewer_rows_is_refused_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "today.jsonl").write_text('{"text": "w1", "prediction": "fine"}\n')
    with pytest.raises(InputError, match="validation rows have no answer in it"):
        goldilocks.select(task_file(tmp_path, noise=False, incumbent="today.jsonl"), RunSettings(out=tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_run_without_stored_baselines_is_decided_again_without_a_verdict(useful: Path, tmp_path: Path) -> None:
    old = Path(shutil.copytree(useful / "run", tmp_path / "old"))
    (old / "baselines.json").unlink()
    missing = run("decide", old, "--out", tmp_path / "again")
    assert "baselines.json: decision.json was made from it and it is missing" in missing.stderr
    decision = json.loads((old / "decision.json").read_text())
    del decision["inputs"], decision["checksum"]  # as versions wrote it that kept no baselines
    (old / "decision.json").write_text(json.dumps(decision))
    done = run("decide", old, "--out", tmp_path / "again")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "again" / "decision.json").read_text())["verdict"] is None


def test_incumbent_needs_the_data_of_the_run(useful: Path) -> None:
    rows = (useful / "rows.jsonl").read_text()
    try:
        (useful / "rows.jsonl").write_text("\n".join(rows.splitlines()[:-20]) + "\n")
        with pytest.raises(InputError, match="used other data"):
            decide_again(useful / "run", Changes(incumbent=str(useful / "run" / "bundle")))
    finally:
        (useful / "rows.jsonl").write_text(rows)
