"""Whole runs on tiny data: chosen, bundled, reported; killed and gone on with; limits, budget and tampering."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from goldilocks.selection.workspace import Workspace

CHEAP = ["majority", "naive_bayes", "tfidf_linear"]


def write_task(folder: Path, **more: Any) -> Path:
    """A task on 240 made-up tickets of three kinds; CHEAP families by default."""
    folder.mkdir(parents=True, exist_ok=True)
    kinds = {
        "card": ["my card has not arrived", "the card was declined at the shop", "please send me a new card"],
        "transfer": ["the transfer is still pending", "money sent abroad did not arrive", "cancel my bank transfer"],
        "login": ["I forgot my password", "the app does not let me log in", "reset my passcode please"],
    }
    rows = [
        {"text": f"{kinds[kind][i % 3]} since day {i} {'again' * (i % 2)} ref {i * 7919}", "label": kind}
        for i in range(80)
        for kind in kinds
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    spec = {"name": "tickets", "data": {"train": "rows.jsonl"}, "candidates": {"families": CHEAP}, "budget": "2m"}
    task = folder / "task.yaml"
    task.write_text(json.dumps(spec | more))  # JSON is YAML
    return task


def goldilocks(*arguments: str | Path, given: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "goldilocks", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, input=given, timeout=280, check=False)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp("finished")
    done = goldilocks("select", write_task(folder), "--out", folder / "run")
    assert done.returncode == 0, done.stderr
    assert "bundle:" in done.stdout
    return folder / "run"


def test_cheap_winner_is_refitted_on_half_of_the_rows_for_its_learning_curve(finished: Path) -> None:
    decision = json.loads((finished / "decision.json").read_text())
    steps = {step["step"]: step for step in decision["next_steps"]}
    assert steps["more_data"]["basis"].startswith("a refit on half of the ")
    (half,) = finished.glob("runs/*/half-rows.npy")
    assert str(half.relative_to(finished)) in decision["inputs"]


def test_run_leaves_every_record_the_contract_names(finished: Path) -> None:
    names = {path.name for path in finished.iterdir()}
    assert names >= {
        "task.yaml",
        "data.json",
        "candidates.json",
        "screening.json",
        "experience.json",
        "trials.jsonl",
        "decision.json",
        "evaluation.json",
        "report.html",
        "bundle",
    }
    decision = json.loads((finished / "decision.json").read_text())
    assert {"winner", "tied", "map", "candidates", "search", "versions", "seed", "data_fingerprint"} <= decision.keys()
    assert decision["winner"]["score"]["value"] > 0.9
    assert decision["test_score"]["value"] > 0.9
    assert all(entry["reason"] for entry in decision["candidates"])


def test_finished_run_is_decided_again_without_touching_it(finished: Path, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*") if path.is_file()}
    same = goldilocks("decide", finished, "--out", tmp_path / "same")
    assert same.returncode == 0, same.stderr
    decision = json.loads((finished / "decision.json").read_text())
    again = json.loads((tmp_path / "same" / "decision.json").read_text())
    assert again["winner"] == decision["winner"]
    assert again["test_score"] is None
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*") if path.is_file()} == before
    free = goldilocks("decide", finished, "--error-cost", "0", "--out", tmp_path / "free")
    assert free.returncode == 3, free.stderr  # where errors are free, nothing is better than a constant answer
    assert json.loads((tmp_path / "free" / "decision.json").read_text())["verdict"]["useful"] is False
    costs = {entry["candidate"]: entry["cost"] for entry in again["candidates"] if entry["cost"]}
    chosen = json.loads((tmp_path / "free" / "decision.json").read_text())["winner"]["candidate"]
    totals = {name: sum(value for key, value in cost.items() if key != "error") for name, cost in costs.items()}
    # Costs that differ by less than their timing error are ordered by loss.
    assert totals[chosen] <= min(totals.values()) + 2 * max(cost["error"] for cost in costs.values())


def test_bundle_of_another_candidate_knows_that_the_test_set_was_opened(finished: Path, tmp_path: Path) -> None:
    decision = json.loads((finished / "decision.json").read_text())
    other = next(entry for entry in decision["candidates"] if entry["status"] in ("tied", "raced"))
    done = goldilocks("tune", "--from", finished, other["candidate"], "--out", tmp_path / "other")
    assert done.returncode == 0, done.stderr
    info = json.loads((tmp_path / "other" / "bundle.json").read_text())
    assert info["test_opened"] is True
    assert info["test"] == {}
    assert "scored before this model was chosen" in (tmp_path / "other" / "README.md").read_text()
    wrong = goldilocks("tune", "--from", finished, "naive_bayes/none/scratch", "--out", tmp_path / "wrong")
    assert wrong.returncode == 2
    assert "no candidate of this run is named" in wrong.stderr


def test_majority_is_the_mark_that_others_beat(finished: Path) -> None:
    decision = json.loads((finished / "decision.json").read_text())
    scores = {entry["family"]: entry["score"]["value"] for entry in decision["candidates"] if entry["score"]}
    assert scores["majority"] < decision["winner"]["score"]["value"]


def test_predict_streams_lines_in_order(finished: Path) -> None:
    done = goldilocks("predict", finished / "bundle", given="please send me a new card\nreset my passcode please\n")
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["label"] for line in done.stdout.splitlines()] == ["card", "login"]


def test_predict_reads_json_lines_and_names_a_bad_one(finished: Path, tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text('{"body": "please send me a new card"}\n{"text": 3}\n')
    done = goldilocks("predict", finished / "bundle", file, "--field", "body")
    assert done.returncode == 2
    assert "error: row 2: text is empty; the row has 'text', this task takes 'body'" in done.stderr
    first, second = map(json.loads, done.stdout.splitlines())
    assert first["label"] == "card"
    assert second["error"].startswith("row 2: text is empty")


def test_predict_answers_each_line_as_it_comes(finished: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "goldilocks", "predict", str(finished / "bundle")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    for text, label in (("please send me a new card", "card"), ("reset my passcode please", "login")):
        process.stdin.write(text + "\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["label"] == label  # before the next line is written
    process.stdin.close()
    assert process.wait(timeout=60) == 0
    process.stdout.close()


def test_evaluate_verify_and_report_work_on_their_own(finished: Path) -> None:
    evaluated = goldilocks("evaluate", finished / "bundle", finished.parent / "rows.jsonl")
    assert evaluated.returncode == 0, evaluated.stderr
    for words in ("precision", "confusion", "language"):
        assert words in evaluated.stdout
    assert goldilocks("verify", finished / "bundle").returncode == 0
    before = (finished / "report.html").read_text()
    (finished / "report.html").unlink()
    assert goldilocks("report", finished).returncode == 0
    assert (finished / "report.html").read_text() == before


def test_run_that_lost_trials_is_neither_reported_nor_gone_on_with(finished: Path, tmp_path: Path) -> None:
    import shutil

    run = tmp_path / "run"
    shutil.copytree(finished, run)
    (run / "trials.jsonl").unlink()
    task = finished.parent / "task.yaml"
    for done in (goldilocks("report", run), goldilocks("select", task, "--out", run, "--resume")):
        assert done.returncode == 2
        assert "trials.jsonl: holds 0 of the " in done.stderr.splitlines()[-1]


def test_bundle_answers_from_python(finished: Path) -> None:
    import goldilocks as package

    answer = package.load(finished / "bundle").predict(["cancel my bank transfer"])[0]
    assert answer.label == "transfer"
    assert sum(answer.scores.values()) == pytest.approx(1, abs=1e-5)


def test_tampered_weights_are_refused(finished: Path, tmp_path: Path) -> None:
    import shutil

    bundle = tmp_path / "bundle"
    shutil.copytree(finished / "bundle", bundle)
    weights = next(bundle.rglob("*.safetensors"))
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)

    done = goldilocks("predict", bundle, given="x\n")
    assert done.returncode == 2
    assert "error: " in done.stderr
    assert weights.name in done.stderr


def test_killed_run_goes_on_and_loses_at_most_the_rung_in_flight(tmp_path: Path) -> None:
    task, run = write_task(tmp_path, candidates={"families": [*CHEAP, "cnn"]}), tmp_path / "run"
    command = [sys.executable, "-m", "goldilocks", "select", str(task), "--out", str(run), "--policy", "exhaustive"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    trials = run / "trials.jsonl"
    deadline = time.monotonic() + 120
    while not (trials.exists() and trials.read_text().count("\n") >= 4) and time.monotonic() < deadline:
        time.sleep(0.02)  # wait for the fourth purchase, whenever it comes
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = Workspace(run).read_trials()
    assert len(before) >= 4

    done = goldilocks("select", task, "--out", run, "--policy", "exhaustive", "--resume")

    assert done.returncode == 0, done.stderr
    after = Workspace(run).read_trials()
    assert after[: len(before)] == before
    assert len({(entry.candidate, entry.rung) for entry in after}) == len(after)  # nothing was bought twice
    assert (run / "bundle" / "bundle.json").exists()


def test_interrupt_ends_with_130_and_says_how_to_go_on(tmp_path: Path) -> None:
    task, run = write_task(tmp_path), tmp_path / "run"
    command = [sys.executable, "-m", "goldilocks", "select", str(task), "--out", str(run), "--policy", "exhaustive"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (run / "trials.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "--resume" in errors
    assert "Traceback" not in errors


def test_second_run_does_not_overwrite_the_first(finished: Path) -> None:
    done = goldilocks("select", finished.parent / "task.yaml", "--out", finished)
    assert done.returncode == 2
    assert "pass --resume" in done.stderr


def test_unmet_limit_ends_with_3_and_names_the_nearest(tmp_path: Path) -> None:
    done = goldilocks("select", write_task(tmp_path, limits={"latency_p95_ms": 0.000001}), "--out", tmp_path / "run")
    assert done.returncode == 3
    assert "the nearest is" in done.stderr


def test_budget_too_small_for_anything_ends_with_4(tmp_path: Path) -> None:
    task = write_task(tmp_path, candidates={"families": ["static_embedding"]})  # what counts is finished all the same
    done = goldilocks("select", task, "--out", tmp_path / "run", "--budget", "0.01s")
    assert done.returncode == 4
    assert "raise --budget and pass --resume" in done.stderr


def test_budget_that_is_over_at_once_has_a_winner_of_the_cheapest_kind(tmp_path: Path) -> None:
    done = goldilocks("select", write_task(tmp_path), "--out", tmp_path / "run", "--budget", "0.01s")
    assert done.returncode == 0, done.stderr
    decision = json.loads((tmp_path / "run" / "decision.json").read_text())
    assert decision["winner"]["family"] in ("naive_bayes", "tfidf_linear")
    assert decision["search"]["stopped"] == "the budget ended"
    assert (tmp_path / "run" / "bundle" / "bundle.json").exists()


def test_data_that_changed_are_noticed_on_resume(tmp_path: Path) -> None:
    task, run = write_task(tmp_path, candidates={"families": ["static_embedding"]}), tmp_path / "run"
    assert goldilocks("select", task, "--out", run, "--budget", "0.01s").returncode == 4
    rows = (tmp_path / "rows.jsonl").read_text().splitlines()
    (tmp_path / "rows.jsonl").write_text("\n".join(rows[:-9]) + "\n")
    done = goldilocks("select", task, "--out", run, "--resume")
    assert done.returncode == 2
    assert "used other data" in done.stderr


def test_hub_model_without_a_network_says_what_to_do(tmp_path: Path) -> None:
    task = write_task(tmp_path, candidates={"families": ["encoder"], "models": ["someone/some-encoder"]})
    done = goldilocks("select", task, "--out", tmp_path / "run")
    assert done.returncode == 2
    assert "someone/some-encoder" in done.stderr
    assert "--online" in done.stderr


@pytest.mark.parametrize("size", ["24k", "100k"])  # full at the first records, full at the report
def test_full_disk_is_one_line_and_the_run_goes_on_once_there_is_space(tmp_path: Path, size: str) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(small)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        task = write_task(tmp_path)
        done = goldilocks("select", task, "--out", small / "run")
        assert done.returncode == 2, done.stderr
        assert [line.startswith("error: ") for line in done.stderr.splitlines() if "error" in line] == [True]
        assert "Traceback" not in done.stderr
        subprocess.run(["mount", "-o", "remount,size=50m", str(small)], check=True)
        resumed = goldilocks("select", task, "--out", small / "run", "--resume")
        assert resumed.returncode == 0, resumed.stderr
    finally:
        subprocess.run(["umount", str(small)], check=False)


def test_tune_writes_a_bundle_with_a_validation_score_only(tmp_path: Path) -> None:
    name = "tfidf_linear/word/scratch"
    done = goldilocks("tune", write_task(tmp_path), "--candidate", name, "--out", tmp_path / "tuned")
    assert done.returncode == 0, done.stderr
    info = json.loads((tmp_path / "tuned" / "bundle.json").read_text())
    assert info["validation"]
    assert not info["test"]


def test_tune_names_the_nearest_candidate(tmp_path: Path) -> None:
    done = goldilocks("tune", write_task(tmp_path), "--candidate", "tfidf_linear/wrd/scratch", "--out", tmp_path / "t")
    assert done.returncode == 2
    assert "Did you mean 'tfidf_linear/word/scratch'" in done.stderr


def test_recipe_for_a_fitted_model_is_refused(tmp_path: Path) -> None:
    name = "tfidf_linear/word/scratch"
    done = goldilocks("tune", write_task(tmp_path), "--candidate", name, "--out", tmp_path / "t", "--epochs", "3")
    assert done.returncode == 2
    assert "not trained by gradient descent; leave out epochs" in done.stderr


def test_network_tunes_with_patience(tmp_path: Path) -> None:
    task = write_task(tmp_path, candidates={"families": ["cnn"]})
    done = goldilocks("tune", task, "--candidate", "cnn/textcnn/scratch", "--out", tmp_path / "t", "--patience", "2")
    assert done.returncode == 0, done.stderr
