from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from race_records import SPEC, trial

from goldilocks.answers import NO_LABEL, of_labels, of_values
from goldilocks.errors import InputError, IntegrityError
from goldilocks.records import Answer, Failure, Goal, Output
from goldilocks.selection.workspace import Workspace
from goldilocks.support.files import to_json


def written(folder: Path) -> Workspace:
    workspace = Workspace(folder)
    for rung in range(3):
        workspace.add_trial(trial("cnn/m/scratch", rung, 0.5, 1.0))
    return workspace


def test_trials_come_back_as_they_were(tmp_path: Path) -> None:
    assert [entry.rung for entry in written(tmp_path).read_trials()] == [0, 1, 2]


@pytest.mark.parametrize("cut", [1, 20, 150])
def test_line_cut_off_by_a_crash_is_dropped_and_the_next_one_is_whole(tmp_path: Path, cut: int) -> None:
    workspace = written(tmp_path)
    workspace.trials.write_bytes(workspace.trials.read_bytes()[:-cut])

    assert [entry.rung for entry in workspace.read_trials()] == [0, 1]
    workspace.add_trial(trial("cnn/m/scratch", 2, 0.5, 1.0))
    assert [entry.rung for entry in workspace.read_trials()] == [0, 1, 2]


def test_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    workspace = written(tmp_path)
    lines = workspace.trials.read_text().splitlines()
    workspace.trials.write_text("\n".join([lines[0], lines[1][:40], lines[2]]) + "\n")

    with pytest.raises(IntegrityError, match=r"trials.jsonl line 2: damaged"):
        workspace.read_trials()


@pytest.mark.parametrize("left", [None, b"", b"5\n", b"half"])
def test_trials_that_a_decision_was_made_from_are_missed(tmp_path: Path, left: bytes | None) -> None:
    workspace = written(tmp_path)
    workspace.decision.write_text('{"search": {"trials": 3}}')
    assert len(workspace.read_trials()) == 3
    workspace.add_trial(trial("cnn/m/full", 0, 0.5, 1.0))
    workspace.trials.write_bytes(workspace.trials.read_bytes()[:-20])  # the rung after the decision, cut off by a kill
    assert len(workspace.read_trials()) == 3

    whole = workspace.trials.read_bytes()
    workspace.trials.unlink()
    if left is not None:
        workspace.trials.write_bytes(whole[: len(whole) // 2] if left == b"half" else left)

    with pytest.raises(
        IntegrityError, match=r"trials.jsonl: holds \d of the 3 trials that decision.json was made from"
    ):
        workspace.read_trials()
    workspace.decision.unlink()
    assert len(workspace.read_trials()) < 3  # as the message says: the others are bought again


def test_who_fell_out_comes_back_and_its_time_counts(tmp_path: Path) -> None:
    workspace = written(tmp_path)
    assert workspace.read_failures() == {}
    fell = Failure("api/m/zero_shot", "race", "gave no answer.", 3.0, 12.0)
    workspace.add_failure(fell)
    workspace.failures.write_bytes(workspace.failures.read_bytes() + b'{"candidate"')  # cut off by a crash

    assert workspace.read_failures() == {"api/m/zero_shot": fell}
    assert workspace.elapsed() == 12.0


def test_two_processes_do_not_share_a_folder(tmp_path: Path) -> None:
    with (
        Workspace(tmp_path).claimed(),
        pytest.raises(InputError, match="another process works in it"),
        Workspace(tmp_path).claimed(),
    ):
        pass


def test_run_is_not_overwritten_unless_resumed(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.begin(SPEC, resume=False)

    with pytest.raises(InputError, match="holds a run; pass --resume"):
        workspace.begin(SPEC, resume=False)
    workspace.begin(replace(SPEC, budget_seconds=5.0), resume=True)  # the budget may be raised
    with pytest.raises(InputError, match=r"another task \(differs in seed\)"):
        workspace.begin(replace(SPEC, seed=1), resume=True)


def test_folder_under_a_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written to"), Workspace(tmp_path / "file" / "run").claimed():
        pass


def test_damaged_probabilities_are_named(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    labels = ("a", "b", "c")
    where = workspace.write_answers("f/m/scratch", 0, of_labels(np.eye(3), labels))
    assert workspace.read_answers(where, Goal(labels=labels)).values == labels
    (tmp_path / where).write_bytes(b"\x93NUMPY")

    with pytest.raises(IntegrityError, match=r"rung-0.npy: damaged"):
        workspace.read_answers(where, Goal(labels=labels))


def test_items_without_an_answer_come_back(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    where = workspace.write_answers(
        "api/m/zero_shot",
        0,
        replace(of_labels(np.array([[1.0, 0.0], [np.nan, np.nan]]), ("a", "b")), problems=("", "empty")),
    )
    assert workspace.read_answers(where, Goal(labels=("a", "b"))).values == ("a", NO_LABEL)


@pytest.mark.parametrize(
    ("output", "values"),
    [
        (Output.TAGS, (("B-x", "O"), ())),
        (Output.SCORE, (0.5, (1.0, 2.0))),
        (Output.SPAN, ("", "a piece")),
        (Output.TEXT, ("ein Satz", "又一句")),
    ],
)
def test_answers_of_every_kind_come_back(tmp_path: Path, output: Output, values: tuple[Answer, ...]) -> None:
    workspace = Workspace(tmp_path)
    where = workspace.write_answers("f/m/scratch", 1, of_values(values, np.array([0.25, np.nan])))
    again = workspace.read_answers(where, Goal(output))
    assert again.values == values
    assert again.scores[0] == 0.25
    assert np.isnan(again.scores[1])
    (tmp_path / where).write_text('{"values": [1]}')
    with pytest.raises(IntegrityError, match=r"rung-1.json: damaged"):
        workspace.read_answers(where, Goal(output))


def test_non_finite_number_is_refused_in_records() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        to_json({"x": float("nan")})


def test_run_of_an_earlier_version_is_resumed_though_its_task_lacks_newer_prices(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.begin(SPEC, resume=False)
    lines = workspace.task.read_text().splitlines(keepends=True)
    workspace.task.write_text(
        "".join(line for line in lines if "waiting_hour" not in line and "indifference" not in line)
    )

    workspace.begin(SPEC, resume=True)
    workspace.write_task(SPEC)

    assert "waiting_hour: 5.0" in workspace.task.read_text()
    dearer = replace(SPEC, prices=replace(SPEC.prices, waiting_hour=7.0))
    with pytest.raises(InputError, match="differs in prices"):
        workspace.begin(dearer, resume=True)
