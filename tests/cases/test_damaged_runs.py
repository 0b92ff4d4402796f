"""Run folders that were damaged, edited or cleaned: one line, or what is lost is bought again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goldilocks.bundle.verify import verify
from goldilocks.errors import BudgetError, GoldilocksError, InputError, IntegrityError, MissingError
from goldilocks.flow import rewrite_report, select
from goldilocks.records import Decision, TaskSpec
from goldilocks.selection.clean import clean
from goldilocks.selection.digests import verify_run
from goldilocks.selection.what_if import Changes, decide_again
from goldilocks.selection.workspace import Workspace
from goldilocks.settings import RunSettings, read_task
from goldilocks.support.files import read_record
from goldilocks.support.own_paths import without_own_paths


def write_task(folder: Path) -> TaskSpec:
    kinds = {"card": "my card is lost", "login": "I forgot my password", "bank": "the transfer is pending"}
    rows = [{"text": f"{words} on day {i * 7919}", "label": kind} for i in range(40) for kind, words in kinds.items()]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = {"name": "tickets", "data": {"train": str(folder / "rows.jsonl")}, "budget": "2m"}
    (folder / "task.yaml").write_text(json.dumps(task | {"candidates": {"families": ["majority", "naive_bayes"]}}))
    return read_task(folder / "task.yaml")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[TaskSpec, Path]:
    """A finished run."""
    folder = tmp_path_factory.mktemp("made")
    spec = write_task(folder)
    select(spec, RunSettings(out=folder / "run"))
    return spec, folder / "run"


@pytest.fixture
def run(made: tuple[TaskSpec, Path], tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(made[1], tmp_path / "run"))


def resumed(made: tuple[TaskSpec, Path], run: Path) -> Decision:
    return select(made[0], RunSettings(out=run, resume=True))


def change_trial(run: Path, **changes: Any) -> None:
    lines = [json.loads(line) for line in (run / "trials.jsonl").read_text().splitlines()]
    lines[0] |= changes
    (run / "trials.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_finished_run_is_verified_and_its_digests_are_those_of_its_files(run: Path) -> None:
    decision = read_record(Decision, run / "decision.json")
    inputs = {"task.yaml", "trials.jsonl", "data.json", "candidates.json", "screening.json", "experience.json"}
    assert inputs < decision.inputs.keys()
    answers = [Path(name).stem for name in decision.inputs if name.endswith(".npy")]
    assert len(answers) - answers.count("half-rows") == decision.search.trials
    assert verify_run(run) == f"{len(decision.inputs)} files that the decision was made from are unchanged"


def _append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b" ")


@pytest.mark.parametrize("damage", [_append, Path.unlink])
@pytest.mark.parametrize(
    "name", ["task.yaml", "data.json", "candidates.json", "screening.json", "experience.json", "answers"]
)
def test_changed_or_missing_input_is_named_by_report_and_verify(
    run: Path, name: str, damage: Callable[[Path], None]
) -> None:
    path = next((run / "runs").glob("naive_bayes*/rung-*.npy")) if name == "answers" else run / name
    damage(path)
    words = rf"{path.name}: (was changed since|decision.json was made from it and it is missing)"
    with pytest.raises(IntegrityError, match=words):
        verify_run(run)
    with pytest.raises(IntegrityError, match=words):
        rewrite_report(run)


@pytest.mark.parametrize("content", [b"\xff\xfe{\0}\0", b"[" * 5_000, b"[]"])
@pytest.mark.parametrize("name", ["task.yaml", "data.json", "validation_gold.json", "evaluation.json"])
def test_content_of_any_kind_is_reported_in_one_line(run: Path, name: str, content: bytes) -> None:
    (run / name).write_bytes(content)
    decision = json.loads((run / "decision.json").read_text()) | {"inputs": {}}  # as of a version without digests
    (run / "decision.json").write_text(json.dumps(decision))
    for reading in (decide_again, rewrite_report):
        try:
            reading(run, *([Changes(objective={"error_cost": 0.5})] if reading is decide_again else []))
        except GoldilocksError as error:
            message = str(error)
        else:
            message = ""  # it is not needed for that, or not with these answers
        assert message.isprintable()


def test_forged_score_in_a_trial_is_noticed(run: Path) -> None:
    change_trial(run, loss=0.123)
    with pytest.raises(IntegrityError, match=r"trials.jsonl: was changed since"):
        rewrite_report(run)


def test_forged_evaluation_is_noticed(run: Path) -> None:
    content = json.loads((run / "evaluation.json").read_text())
    content["score"]["value"] = 1.5
    (run / "evaluation.json").write_text(json.dumps(content))
    with pytest.raises(IntegrityError, match=r"evaluation.json: its test score is not the one in decision.json"):
        verify_run(run)
    shutil.rmtree(run / "bundle")
    with pytest.raises(IntegrityError):
        verify_run(run)


def test_decision_of_an_older_version_is_reported_as_before(run: Path) -> None:
    content = json.loads((run / "decision.json").read_text())
    del content["inputs"]
    (run / "decision.json").write_text(json.dumps(content))
    assert "kept no digests" in verify_run(run)
    assert rewrite_report(run).exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"loss": float("nan")}, "line 1: damaged"),
        ({"share": float("inf")}, "line 1: damaged"),
        ({"loss": 7.0}, "line 1: damaged .loss 7"),
        ({"seconds": -1.0}, "line 1: damaged"),
        ({"rung": -1}, "line 1: damaged .rung -1"),
        ({"rung": 9}, "line 1: rung 9 ends at another share"),
        ({"rung": 0}, "line 1: rung 0 ends at another share"),
        ({"candidate": "nobody/x/full"}, "line 1: the candidate nobody/x/full is not in this race"),
        ({"data_fingerprint": "0" * 16}, "line 1: it was scored on other data"),
        ({"predictions": "../../rows.jsonl"}, "leads out of the run's folder"),
        ({"predictions": "/etc/passwd"}, "leads out of the run's folder"),
    ],
)
def test_trial_that_cannot_be_true_is_named_on_resume(
    made: tuple[TaskSpec, Path], run: Path, changes: dict[str, Any], words: str
) -> None:
    change_trial(run, **changes)
    (run / "decision.json").unlink()
    if "candidate" in changes:  # else its model is missed first
        shutil.copytree(next((run / "runs").iterdir()), run / "runs" / "nobody--x--full")
    with pytest.raises(IntegrityError, match=words):
        resumed(made, run)


@pytest.mark.parametrize("what", ["model", "answers"])
def test_deleted_model_or_answers_are_bought_again(made: tuple[TaskSpec, Path], run: Path, what: str) -> None:
    before = read_record(Decision, run / "decision.json")
    folder = run / "runs" / before.winner.candidate.replace("/", "--")
    if what == "model":
        shutil.rmtree(folder / "model")
    else:
        next(folder.glob("rung-*.npy")).unlink()
    after = resumed(made, run)
    assert after.search.trials == before.search.trials
    assert (folder / "model").is_dir()
    assert list(folder.glob("rung-*.npy"))
    assert verify_run(run)


def test_answers_that_are_not_numbers_are_one_line(made: tuple[TaskSpec, Path], run: Path) -> None:
    path = next((run / "runs").glob("naive_bayes*/rung-*.npy"))
    np.save(path, np.full_like(np.load(path), np.nan))
    with pytest.raises(IntegrityError, match="damaged or missing"):
        resumed(made, run)


def test_half_written_files_of_a_killed_process_are_removed(made: tuple[TaskSpec, Path], run: Path) -> None:
    (run / ".decision.json.123.part").write_text("half")
    (run / "runs" / "x" / "model.part").mkdir(parents=True)
    (run / "mine.part").write_text("not ours")
    resumed(made, run)
    assert [path.name for path in run.rglob("*.part")] == ["mine.part"]


def test_report_and_card_hold_no_path_of_this_machine(made: tuple[TaskSpec, Path]) -> None:
    spec, run = made
    for path in (run / "report.html", run / "bundle" / "README.md"):
        page = path.read_text(encoding="utf-8")
        assert str(run.parent) not in page
        assert str(Path.home()) + "/" not in page
    assert "rows.jsonl" in (run / "report.html").read_text(encoding="utf-8")
    assert spec.data.train == str(run.parent / "rows.jsonl")


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("read /data/team/a b.csv", "read a b.csv"),
        ("(/data/team/x.csv).", "(x.csv)."),
        ("in /data/team.", "in team."),
        ("/data/teamwork/x /other/data/team/x", "/data/teamwork/x /other/data/team/x"),
        ("<td>/data/team/m</td>", "<td>m</td>"),
        ("https://host/data/team/x", "https://host/data/team/x"),
    ],
)
def test_only_paths_below_own_folders_are_cut(text: str, want: str) -> None:
    assert without_own_paths(text, [Path("/data/team")]) == want


def test_clean_frees_models_and_keeps_what_report_and_bundle_need(made: tuple[TaskSpec, Path], run: Path) -> None:
    expected = sum(path.stat().st_size for path in run.glob("runs/*/model/**/*") if path.is_file())
    assert clean(run, dry_run=True) == expected > 0
    assert list(run.glob("runs/*/model"))
    assert clean(run) == expected
    assert not list(run.glob("runs/*/model"))
    assert clean(run) == 0
    assert verify_run(run)
    assert rewrite_report(run).exists()
    assert verify(run / "bundle").ok
    with pytest.raises(InputError, match="was cleaned, so its models are gone"):
        resumed(made, run)


def test_clean_refuses_what_is_no_finished_run(run: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="holds no run"):
        clean(tmp_path)
    (run / "decision.json").unlink()
    with pytest.raises(InputError, match="is not finished"):
        clean(run)


def test_clean_follows_no_link(run: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    (run / "runs" / "linked").mkdir()
    (run / "runs" / "linked" / "model").symlink_to(outside)
    clean(run)
    assert (outside / "kept").exists()


def test_disk_limit_is_kept_before_each_purchase(tmp_path: Path) -> None:
    spec = write_task(tmp_path)
    with pytest.raises(BudgetError, match=r"would pass its 0 MB of disk before any candidate was finished; raise --m"):
        select(spec, RunSettings(out=tmp_path / "run", max_disk_mb=0.001))
    assert Workspace(tmp_path / "run").read_trials() == []
    decision = select(spec, RunSettings(out=tmp_path / "run", max_disk_mb=100, resume=True))
    assert decision.winner.status == "winner"
