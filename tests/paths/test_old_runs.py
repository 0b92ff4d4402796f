"""A run that version 0.1 finished: its records are read, its report is written again, its bundle is verified."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from goldilocks import load
from goldilocks.bundle.verify import verify
from goldilocks.flow import rewrite_report
from goldilocks.records import Decision, Evaluation, Pool, Screening
from goldilocks.selection.workspace import Workspace
from goldilocks.support.files import read_record

OLD_RUN = Path(__file__).parents[1] / "fixtures" / "v0.1" / "run"


def test_records_of_an_old_run_are_read() -> None:
    workspace = Workspace(OLD_RUN)
    raw = json.loads((OLD_RUN / "decision.json").read_text(encoding="utf-8"))

    decision = read_record(Decision, workspace.decision)
    trials = list(workspace.read_trials())

    assert decision.winner.candidate == raw["winner"]["candidate"] == "naive_bayes/word12/scratch"
    assert len(read_record(Pool, workspace.pool).candidates) == len({trial.candidate for trial in trials}) == 5
    assert read_record(Screening, workspace.screening).kept
    assert read_record(Evaluation, OLD_RUN / "evaluation.json").score.n == 12


def test_report_of_an_old_run_is_written_again(tmp_path: Path) -> None:
    run = Path(shutil.copytree(OLD_RUN, tmp_path / "run"))

    report = rewrite_report(run)

    assert "naive_bayes/word12/scratch" in report.read_text(encoding="utf-8")


def test_bundle_of_an_old_run_predicts_and_is_verified() -> None:
    bundle = load(OLD_RUN / "bundle")
    assert [prediction.label for prediction in bundle.predict(["the card was declined", "I forgot my password"])] == [
        "card",
        "login",
    ]
    assert verify(OLD_RUN / "bundle").ok
