"""Deciding again from the records of a run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from race_records import MACHINE, SPEC, candidate, trial
from test_decide import ACCURACY, GOLD, footprint
from typer.testing import CliRunner

from goldilocks import plugins
from goldilocks.answers import of_labels
from goldilocks.cli.main import app
from goldilocks.cli.tables import print_what_if
from goldilocks.errors import InputError, IntegrityError, LimitError, MissingError
from goldilocks.evaluation.error_cost import loss_rule
from goldilocks.records import Decision, Forecast, Goal, Output, Pool, Screening, Search
from goldilocks.selection.conclude import FOOTPRINT_SECONDS, decision_from
from goldilocks.selection.run_records import RunRecords
from goldilocks.selection.what_if import Changes, decide_again
from goldilocks.selection.workspace import Workspace
from goldilocks.support.files import plain, to_json, write_text

GOAL = Goal(Output.LABEL, ("a", "b"))
NAMES = ("cnn/m/scratch", "encoder/m/full", "encoder/m/lora")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run in which the encoder errs 20 times of 400 at 20 ms, the CNN 80 times at 2 ms; LoRA did not finish."""
    import yaml

    workspace = Workspace(tmp_path / "run")
    workspace.folder.mkdir()
    write_text(workspace.task, yaml.safe_dump(plain(SPEC)))
    pool = Pool(tuple(map(candidate, NAMES)), {name: Forecast(10.0, 0.0) for name in NAMES})
    screening = Screening((), {}, NAMES, (), 0.0, "")
    write_text(workspace.pool, to_json(pool))
    write_text(workspace.screening, to_json(screening))
    for name, wrong, rung in (("cnn/m/scratch", 80, 2), ("encoder/m/full", 20, 2), ("encoder/m/lora", 60, 0)):
        right = np.array([[1.0, 0.0] if gold == "a" else [0.0, 1.0] for gold in GOLD])
        right[:wrong] = right[:wrong, ::-1]
        file = workspace.write_answers(name, rung, of_labels(right, GOAL.labels))
        workspace.add_trial(replace(trial(name, rung, wrong / 400, 10.0), predictions=file))
    workspace.write_validation(GOAL, GOLD)
    records = RunRecords(
        workspace=workspace,
        spec=SPEC,
        pool=pool,
        screening=screening,
        trials=workspace.read_trials(),
        machine=MACHINE,
        gold=GOLD,
        goal=GOAL,
        metric=plugins.load("metrics", "accuracy"),
        metric_name="accuracy",
        data_fingerprint="0" * 16,
        rule=loss_rule(SPEC.objective, plugins.load("tasks", "text_classification"), GOAL, ACCURACY, GOLD),
        task=plugins.load("tasks", "text_classification"),
    )
    footprints = {"cnn/m/scratch": footprint(2.0), "encoder/m/full": footprint(20.0)}
    decision = decision_from(records, footprints, Search(30.0, 3, 60.0, "value", "the budget ended"))
    write_text(workspace.decision, to_json(decision))
    return workspace.folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_same_numbers_give_the_same_decision_and_change_nothing_in_the_run(run: Path) -> None:
    before = contents(run)
    again = decide_again(run, Changes())
    assert json.loads(to_json(again)) == json.loads((run / "decision.json").read_bytes())
    assert again.winner.candidate == "encoder/m/full"
    assert contents(run) == before


def test_cheaper_errors_turn_the_choice(run: Path) -> None:
    # At 20 against 2 ms and .05 an hour, 200,000 requests cost .05 a month more: below .05/.15/200,000 an error.
    got = decide_again(run, Changes(objective={"error_cost": 1e-7}))
    assert got.winner.candidate == "cnn/m/scratch"
    assert got.alpha == pytest.approx(0.02)
    assert got.test_score is None


def test_limit_and_price_are_those_given(run: Path) -> None:
    got = decide_again(run, Changes(limits={"latency_p95_ms": 10}, prices={"cpu_hour": 1.0}))
    assert got.winner.candidate == "cnn/m/scratch"
    out = next(entry for entry in got.candidates if entry.candidate == "encoder/m/full")
    assert "latency_p95_ms: measured 20 ms, limit 10 ms" in out.reason
    assert got.winner.cost is not None
    assert got.winner.cost.requests == pytest.approx(200_000 * 0.002 / 3600)
    with pytest.raises(LimitError, match="the nearest is cnn/m/scratch"):
        decide_again(run, Changes(limits={"latency_p95_ms": 1}))


def test_unfinished_candidate_has_a_forecast_and_never_wins(run: Path) -> None:
    got = decide_again(run, Changes())
    open_ = next(entry for entry in got.candidates if entry.candidate == "encoder/m/lora")
    assert open_.status == "stopped"
    assert open_.forecast is not None
    assert open_.forecast.low < open_.forecast.value < open_.forecast.high
    assert open_.p_best is not None
    assert sum(entry.p_best or 0 for entry in got.candidates) == pytest.approx(1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (Changes(limits={"latency": 1}), "--limit latency: unknown. .*There are: latency_p95_ms"),
        (Changes(prices={"cpu_our": 1}), "--price cpu_our: unknown. Did you mean 'cpu_hour'"),
        (Changes(objective={"error_cost": float("inf")}), "objective.error_cost is inf"),
        (Changes(objective={"requests_per_month": 0}), "requests_per_month is 0; it must be above 0"),
    ],
)
def test_number_that_cannot_be_is_named(run: Path, changes: Changes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        decide_again(run, changes)


def test_folder_without_a_decision_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="holds no decision; pass the folder of a finished"):
        decide_again(tmp_path, Changes())


def test_damaged_answers_are_named(run: Path) -> None:
    (run / "validation_gold.json").write_text("{")
    with pytest.raises(IntegrityError, match=r"validation_gold.json: damaged; remove it"):
        decide_again(run, Changes())


def test_decision_written_before_there_was_a_best_set_still_loads(run: Path) -> None:
    raw = json.loads((run / "decision.json").read_bytes())
    for key in ("serving", "p_best", "expected_regret", "advice", "warnings", "loss_noise"):
        del raw[key]
    raw["prices"] = {"cpu_hour": 0.05, "gb_month": 0.1}
    (run / "decision.json").write_text(json.dumps(raw))
    got = decide_again(run, Changes())
    assert isinstance(got, Decision)
    assert got.loss_noise is not None


def test_machine_disturbed_while_measuring_is_warned_of(run: Path) -> None:
    raw = json.loads((run / "decision.json").read_bytes())
    for entry in raw["candidates"]:
        if entry["footprint"]:
            entry["footprint"]["drift"] = 1.8 if entry["model"] == "m" and entry["family"] == "encoder" else 1.1
    (run / "decision.json").write_text(json.dumps(raw))
    (warning,) = decide_again(run, Changes()).warnings
    assert warning.startswith("encoder/m/full: latency changed by a factor of 1.80 between two measurements")


def test_new_decision_is_not_written_into_the_run(run: Path) -> None:
    done = CliRunner().invoke(app, ["decide", str(run), "--out", str(run)])
    assert isinstance(done.exception, InputError)
    assert "is the run itself; name another folder" in str(done.exception)


@pytest.mark.parametrize("option", ["--limit", "--price"])
def test_option_without_a_number_is_refused(run: Path, tmp_path: Path, option: str) -> None:
    done = CliRunner().invoke(app, ["decide", str(run), "--out", str(tmp_path / "x"), option, "size_mb"])
    assert isinstance(done.exception, InputError)
    assert f"{option} size_mb: write name=number" in str(done.exception)


@pytest.mark.parametrize("option", ["--error-cost", "--requests", "--indifference"])
def test_negative_amount_is_refused_under_the_name_of_its_option(run: Path, tmp_path: Path, option: str) -> None:
    done = CliRunner().invoke(app, ["decide", str(run), "--out", str(tmp_path / "x"), option, "-1"])
    assert done.exit_code == 2
    assert f"Invalid value for '{option}'" in done.output
    assert not (tmp_path / "x").exists()


def test_what_a_decision_says_is_wrapped_and_explains_its_words(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    decision = decide_again(run, Changes())
    doubtful = replace(
        decision,
        p_best=0.42,
        expected_regret=3.0,
        assumed=("objective.error_cost", "objective.requests_per_month", "objective.horizon_months", "prices.cpu_hour"),
        advice=(
            "encoder/x/full (30% of its run) is the best with a probability of 40%; to finish it, raise the budget.",
        ),
        warnings=("a model: latency changed by a factor of 1.63 between two measurements, so its cost may be off.",),
    )

    print_what_if(doubtful, Path("decision.json"))

    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    words = " ".join(out.split())
    assert "winner is the best of all candidates, unfinished ones included: 42%" in words
    assert "cannot be excluded as the best at 95% confidence" in words
    assert "winner (interval corrected for selection)" in words
    assert "in the best set: may be as good (95% confidence)" in words
    assert "Assumed, not stated: " in words


def test_the_budget_to_add_is_that_of_the_run_its_footprint_and_a_resumed_search(run: Path) -> None:
    record = json.loads((run / "decision.json").read_text())
    record["search"]["lacking"] = 45.0  # to read the data again, less what was left
    (run / "decision.json").write_text(json.dumps(record))
    open_ = next(entry for entry in decide_again(run, Changes()).candidates if entry.status == "stopped")
    assert open_.seconds_to_finish is not None
    assert open_.budget_to_finish == pytest.approx(open_.seconds_to_finish + FOOTPRINT_SECONDS + 45.0)
