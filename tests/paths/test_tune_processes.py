"""``goldilocks tune --processes 2``: a process that is killed, and ``--resume``."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from goldilocks.bundle.read import load
from goldilocks.errors import InputError
from goldilocks.fine_tune import tune_one
from goldilocks.records import TaskSpec
from goldilocks.settings import RunSettings, task_from
from goldilocks.testing import tiny
from goldilocks.tuning.run import Run

CANDIDATE = "cnn/textcnn/scratch"


def task(folder: Path) -> TaskSpec:
    for name, part in (("train", tiny.part(120)), ("validation", tiny.part(30, seed=1))):
        lines = [
            json.dumps({"text": f"{text} {at}", "label": gold})
            for at, (text, gold) in enumerate(zip(part.texts, part.gold, strict=True))
        ]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    data = "data: {train: train.jsonl, validation: validation.jsonl}\nlanguage: en\n"
    (folder / "task.yaml").write_text(data, encoding="utf-8")
    return task_from({"data": {"train": "train.jsonl"}, "language": "en"}, folder=folder)


def command(folder: Path, *more: str) -> list[str]:
    options = ["--candidate", CANDIDATE, "--out", str(folder / "tuned"), "--processes", "2", *more]
    return [sys.executable, "-m", "goldilocks", "tune", str(folder / "task.yaml"), *options]


@pytest.mark.slow
def test_a_killed_process_ends_the_run_in_one_line_and_resume_continues(tmp_path: Path) -> None:
    task(tmp_path)
    options = ("--epochs", "120", "--dropout", "0")
    running = subprocess.Popen(command(tmp_path, *options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    checkpoint = tmp_path / "tuned.checkpoint" / "run.json"
    until = time.monotonic() + 240
    while not checkpoint.exists() and running.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    assert running.poll() is None, running.communicate()
    (rank,) = [child for child in psutil.Process(running.pid).children() if child.environ().get("RANK") == "1"]
    rank.kill()
    _, errors = running.communicate(timeout=120)

    assert running.returncode == 2
    (line,) = [line for line in errors.splitlines() if line.startswith("error")]
    assert "process 1 of 2 was ended by SIGKILL, so the others were ended" in line
    assert "Traceback" not in errors
    assert 0 < json.loads(checkpoint.read_text(encoding="utf-8"))["share"] < 1

    def finished(*more: str) -> subprocess.CompletedProcess[str]:
        asked = command(tmp_path, *options, *more)
        return subprocess.run(asked, capture_output=True, text=True, timeout=240, check=False)

    again = finished()
    assert again.returncode == 2
    assert "holds a checkpoint; continue it with --resume" in " ".join(again.stderr.split())
    resumed = finished("--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert not checkpoint.exists()
    part = tiny.part(30, seed=1)
    answers = [prediction.answer for prediction in load(tmp_path / "tuned").predict(list(part.texts))]
    assert sum(answer == gold for answer, gold in zip(answers, part.gold, strict=True)) >= 20


def test_an_estimator_that_is_fitted_at_once_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not trained by gradient descent; leave out --processes"):
        tune_one(task(tmp_path), "majority/shares/scratch", RunSettings(out=tmp_path / "b", processes=1), {})


def test_early_stopping_is_refused_beside_processes(tmp_path: Path) -> None:
    settings = RunSettings(out=tmp_path / "b", processes=1)
    with pytest.raises(InputError, match=r"training.patience is 2.*leave out --processes"):
        tune_one(task(tmp_path), CANDIDATE, settings, {"patience": 2})


def test_one_process_with_checkpoints_continues_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = task(tmp_path)
    saved: list[float] = []
    save = Run.save

    def interrupted(self: Run, folder: Path) -> None:
        save(self, folder)
        saved.append(self.share)
        if len(saved) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(Run, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tune_one(spec, CANDIDATE, RunSettings(out=tmp_path / "cut", processes=1), {"epochs": 4.0})
    tune_one(spec, CANDIDATE, RunSettings(out=tmp_path / "cut", processes=1, resume=True), {"epochs": 4.0})
    monkeypatch.setattr(Run, "save", save)
    tune_one(spec, CANDIDATE, RunSettings(out=tmp_path / "whole"), {"epochs": 4.0})
    assert saved == sorted(saved)
    texts = list(tiny.part(30, seed=1).texts)
    cut, whole = (load(tmp_path / name).probabilities(texts) for name in ("cut", "whole"))
    assert cut == pytest.approx(whole, abs=1e-6)
