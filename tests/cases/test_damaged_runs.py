"""Run folders that were damaged, edited or cleaned: one line, or what is lost is bought again."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goldilocks import load
from goldilocks.bundle.verify import verify
from goldilocks.errors import BudgetError, GoldilocksError, InputError, IntegrityError, MissingError
from goldilocks.fine_tune import tune_from
from goldilocks.flow import rewrite_report, select
from goldilocks.records import Decision, Goal, Pool, Screening, TaskSpec, Usage
from goldilocks.selection.clean import clean
from goldilocks.selection.digests import verify_run
from goldilocks.selection.footprint_process import stored_model
from goldilocks.selection.lost_files import forget_lost
from goldilocks.selection.record_lines import write_lines
from goldilocks.selection.what_if import Changes, decide_again
from goldilocks.selection.workspace import Workspace
from goldilocks.settings import RunSettings, read_task
from goldilocks.support.endpoints.spending_log import SpendingLog
from goldilocks.support.files import append_line, read_object, read_record, remove
from goldilocks.support.own_paths import without_own_paths
from goldilocks.testing.damage import damages


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
    """In the first trial, as if it had been written so; without a checksum."""
    lines = [json.loads(line) for line in (run / "trials.jsonl").read_text().splitlines()]
    del lines[0]["checksum"]
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
    del decision["checksum"]
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
    del content["inputs"], content["checksum"]
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


def test_changed_model_is_bought_again(made: tuple[TaskSpec, Path], run: Path) -> None:
    before = read_record(Decision, run / "decision.json")
    model = Workspace(run).of_candidate(before.winner.candidate) / "model"
    whole = {path.name: path.read_bytes() for path in model.iterdir()}
    _flip(next(path for path in model.iterdir() if path.suffix == ".safetensors"))
    after = resumed(made, run)
    assert after.search.trials == before.search.trials
    assert {path.name: path.read_bytes() for path in model.iterdir()} == whole
    assert verify_run(run)


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)


def test_only_purchases_whose_files_were_changed_are_taken_back(run: Path) -> None:
    workspace = Workspace(run)
    assert forget_lost(workspace) == ()
    assert workspace.decision.exists()
    first, *_ = names = [trial.candidate for trial in workspace.read_trials()]
    _flip(next(workspace.of_candidate(first).glob("rung-*.npy")))
    assert forget_lost(workspace) == (first,)
    assert not workspace.decision.exists()
    assert [trial.candidate for trial in workspace.read_trials()] == [name for name in names if name != first]


def test_lost_answers_of_an_early_rung_take_all_later_ones_and_their_checkpoint_with_them(run: Path) -> None:
    workspace = Workspace(run)
    trial = next(trial for trial in workspace.read_trials() if trial.candidate.startswith("naive_bayes"))
    folder = workspace.of_candidate(trial.candidate)
    early = workspace.write_answers(trial.candidate, 0, workspace.read_answers(trial.predictions, goal_of(run)))
    others = [other for other in workspace.read_trials() if other != trial]
    write_lines(workspace.trials, [*others, replace(trial, rung=0, share=0.1, predictions=early), trial])
    (folder / "checkpoint").mkdir()
    (folder / early.rpartition("/")[2]).unlink()
    assert forget_lost(workspace) == (trial.candidate,)
    assert workspace.read_trials() == others
    assert not (folder / "checkpoint").exists()
    assert not (folder / "model").exists()


def goal_of(run: Path) -> Goal:
    validation = Workspace(run).read_validation()
    assert validation is not None
    return validation[0]


@pytest.mark.parametrize("what", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_in_place_of_answers_is_removed_and_elsewhere_one_line(
    run: Path, what: Callable[[Path], None]
) -> None:
    workspace = Workspace(run)
    workspace.decision.unlink()
    trial = workspace.read_trials()[0]
    for name in (trial.predictions, "validation_gold.json", "baselines.json", "screening.json", "trials.jsonl"):
        (run / name).unlink()
        what(run / name)
    with pytest.raises(IntegrityError, match=r"trials\.jsonl: is a \w+.*, where a file is expected; remove it"):
        workspace.read_trials()
    write_back(run, "trials.jsonl", trial)
    assert forget_lost(workspace) == (trial.candidate,)
    assert not os.path.lexists(run / trial.predictions)
    for reading in (workspace.read_validation, workspace.read_baselines, lambda: read_object(run / "screening.json")):
        with pytest.raises(IntegrityError):
            reading()


def write_back(run: Path, name: str, trial: Any) -> None:
    remove(run / name)
    write_lines(run / name, [trial])


@pytest.mark.parametrize(
    "name",
    ["decision.json", "screening.json", "candidates.json", "data.json", "validation_gold.json", "experience.json"],
)
def test_digit_that_changes_on_the_disk_is_noticed(run: Path, name: str) -> None:
    content = json.loads((run / name).read_text())
    content["checksum"] = content["checksum"].translate(str.maketrans("0123456789abcdef", "123456789abcdef0"))
    (run / name).write_text(json.dumps(content))
    with pytest.raises(IntegrityError, match=r"was changed since it was written|is made from it|damaged"):
        {
            "decision.json": lambda: verify_run(run),
            "screening.json": lambda: read_record(Screening, run / name),
            "candidates.json": lambda: read_record(Pool, run / name),
            "data.json": lambda: read_object(run / name),
            "validation_gold.json": Workspace(run).read_validation,
            "experience.json": Workspace(run).read_experience,
        }[name]()


def test_number_that_changes_in_a_trial_is_noticed_before_a_decision_too(run: Path) -> None:
    (run / "decision.json").unlink()
    lines = (run / "trials.jsonl").read_text().split('"loss": ', 1)
    (run / "trials.jsonl").write_text(f'{lines[0]}"loss": 0.1{lines[1][3:]}')
    with pytest.raises(
        IntegrityError, match=r"trials.jsonl line 1: was changed since it was written .*remove the line"
    ):
        Workspace(run).read_trials()


def test_changed_answers_are_noticed_when_deciding_again(run: Path) -> None:
    path = next((run / "runs").glob("naive_bayes*/rung-*.npy"))
    np.save(path, np.load(path)[::-1])
    with pytest.raises(IntegrityError, match=r"npy: was changed since decision.json was made from it"):
        decide_again(run, Changes(objective={"error_cost": 0.5}))


@pytest.mark.parametrize("openings", ["x", -1, 1e400, [], None])
def test_forged_number_of_test_openings_is_one(run: Path, openings: Any) -> None:
    content = json.loads((run / "decision.json").read_text())
    (run / "decision.json").write_text(json.dumps(content | {"test_openings": openings, "winner": {}, "search": {}}))
    workspace = Workspace(run)
    assert (workspace.test_openings(), workspace.winner()) == (1, "")
    assert workspace.read_trials()


@pytest.mark.parametrize("resume", [True, False])
def test_run_whose_task_is_lost_is_not_gone_on_with(made: tuple[TaskSpec, Path], run: Path, resume: bool) -> None:
    (run / "task.yaml").unlink()
    with pytest.raises(IntegrityError, match=r"task\.yaml: is missing, and the results in this folder belong to it"):
        Workspace(run).begin(made[0], resume=resume)
    assert not (run / "task.yaml").exists()


def test_damaged_model_is_no_traceback_where_a_run_s_candidate_is_bundled(
    made: tuple[TaskSpec, Path], run: Path, tmp_path: Path
) -> None:
    trial = next(trial for trial in Workspace(run).read_trials() if trial.candidate.startswith("naive_bayes"))
    model = Workspace(run).of_candidate(trial.candidate) / "model"
    texts = ["my card is lost", "the transfer is pending"]
    expected = stored_model("native", "naive_bayes", model).predict(texts).probabilities
    _flip(next(path for path in model.iterdir() if path.suffix == ".safetensors"))
    tune_from(run, trial.candidate, RunSettings(out=tmp_path / "other"))  # trained again
    assert (load(tmp_path / "other").probabilities(texts) == expected).all()


def test_stored_model_that_cannot_be_read_is_one_line(run: Path) -> None:
    model = next((run / "runs").glob("naive_bayes*/model"))
    for path in model.iterdir():
        path.write_bytes(b"{")
    with pytest.raises(IntegrityError, match="the stored model cannot be restored"):
        stored_model("native", "naive_bayes", model)


@pytest.mark.parametrize("damaged", ["decision.json", "evaluation.json", "trials.jsonl", "bundle/bundle.json"])
def test_damaged_run_is_not_cleaned(run: Path, damaged: str) -> None:
    (run / damaged).write_bytes(b"{")
    with pytest.raises(IntegrityError, match="nothing was removed"):
        clean(run)
    assert list((run / "runs").glob("*/model"))


def test_account_with_odd_lines_counts_the_others(tmp_path: Path) -> None:
    log = SpendingLog(tmp_path / "account.jsonl", "x")
    log.add("e", Usage(1, 10, 1, 0.5))
    whole = json.loads((tmp_path / "account.jsonl").read_text())
    append_line(tmp_path / "account.jsonl", json.dumps(whole | {"money": 0.25}))
    with pytest.raises(IntegrityError, match=r"account\.jsonl: was changed since it was written"):
        SpendingLog(tmp_path / "account.jsonl").spent("e")
    del whole["checksum"]
    (tmp_path / "account.jsonl").write_text(json.dumps(whole) + "\n")
    odd: tuple[Any, ...] = (float("nan"), -100.0, "1", [], None, 1e400, float("inf"))
    for money in odd:
        append_line(tmp_path / "account.jsonl", json.dumps(whole | {"money": money}))
    assert SpendingLog(tmp_path / "account.jsonl", "x").spent("e") == 0.5 + 1  # "1" is a number
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(IntegrityError, match="is a FIFO"):
        SpendingLog(tmp_path / "fifo").add("e", Usage(1))


def test_every_kind_of_damage_to_a_record_is_noticed_or_harmless(run: Path, tmp_path: Path) -> None:
    """All damage to the small records of a run: an error of ours, or the same content."""
    readers: dict[str, Callable[[Path], Any]] = {
        "decision.json": lambda path: read_record(Decision, path),
        "screening.json": lambda path: read_record(Screening, path),
        "data.json": read_object,
        "validation_gold.json": lambda path: Workspace(path.parent).read_validation(),
        "baselines.json": lambda path: Workspace(path.parent).read_baselines(),
        "trials.jsonl": lambda path: Workspace(path.parent).read_trials(),
        "task.yaml": lambda path: Workspace(path.parent).read_task(),
    }
    by_hand = ("first line lost", "first line twice", "lines reversed")
    for name, read in readers.items():
        whole = read(run / name)
        for number, (kind, damage) in enumerate(damages(run / name)):
            folder = tmp_path / f"{name}-{number}"
            folder.mkdir()
            shutil.copy(run / name, folder / name)
            damage(folder / name)
            try:
                got = read(folder / name)
            except GoldilocksError:
                continue
            if name == "task.yaml" or (name == "trials.jsonl" and kind in by_hand):
                continue  # it may be written by hand; how many trials there were, decision.json knows
            begins = (
                got == whole[: len(got)] if isinstance(got, list) else got in (None, {})
            )  # to be bought or made again
            assert got == whole or begins, (name, kind)


def test_checksum_whose_name_was_damaged_is_noticed(run: Path) -> None:
    text = (run / "data.json").read_text()
    (run / "data.json").write_text(text.replace('"checksum"', '"chdcksum"'))
    with pytest.raises(IntegrityError, match=r"data\.json: was changed since it was written"):
        read_object(run / "data.json")


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


@pytest.mark.parametrize("damage", ["bundle.json deleted", "a file", "a link to nothing"])
def test_what_is_in_the_place_of_the_bundle_is_refused_before_the_search(
    made: tuple[TaskSpec, Path], run: Path, damage: str
) -> None:
    bundle = run / "bundle"
    if damage == "bundle.json deleted":
        (bundle / "bundle.json").unlink()
    else:
        shutil.rmtree(bundle)
        bundle.symlink_to("nowhere")
    if damage == "a file":
        bundle.unlink()
        bundle.write_text("x")
    before = (run / "decision.json").read_bytes()
    with pytest.raises(InputError, match=r"bundle: is not a bundle and not empty; move it away"):
        resumed(made, run)
    assert (run / "decision.json").read_bytes() == before


@pytest.mark.parametrize("damage", ["a file", "a FIFO", "a link to nothing"])
def test_what_is_in_the_place_of_the_models_is_named_before_anything_is_changed(
    made: tuple[TaskSpec, Path], run: Path, damage: str
) -> None:
    shutil.rmtree(run / "runs")
    if damage == "a file":
        (run / "runs").write_text("x")
    elif damage == "a FIFO":
        os.mkfifo(run / "runs")
    else:
        (run / "runs").symlink_to("nowhere")
    before = {name: (run / name).read_bytes() for name in ("trials.jsonl", "decision.json")}
    with pytest.raises(IntegrityError, match="runs: is no folder, and the models of a run go there; remove it"):
        resumed(made, run)
    assert {name: (run / name).read_bytes() for name in before} == before
    (run / "runs").unlink()
    assert resumed(made, run).winner
