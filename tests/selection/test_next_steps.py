"""More data, a larger model, or stop: from the records of a small run (``test_what_if.run``)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from race_records import trial
from test_decide import GOLD
from test_what_if import GOAL, contents, run  # noqa: F401

from goldilocks.answers import of_labels
from goldilocks.records import Decision, NextStep, Pool
from goldilocks.records.outlook import next_steps_basis, next_steps_line
from goldilocks.selection.what_if import Changes, decide_again
from goldilocks.selection.workspace import Workspace
from goldilocks.support.files import read_record, to_json, write_text


def steps(folder: Path) -> dict[str, NextStep]:
    return {step.step: step for step in decide_again(folder, Changes()).next_steps}


def answers_with(wrong: int) -> np.ndarray:
    right = np.array([[1.0, 0.0] if gold == "a" else [0.0, 1.0] for gold in GOLD])
    right[:wrong] = right[:wrong, ::-1]
    return right


def test_stopping_is_the_winner_as_it_is(run: Path) -> None:  # noqa: F811
    decision = decide_again(run, Changes())
    stop = {step.step: step for step in decision.next_steps}["stop"]

    assert stop.candidate == decision.winner.candidate == "encoder/m/full"
    assert stop.expected_j.value == pytest.approx(decision.winner.expected_j, rel=0.1)
    assert (decision.expected_regret or 0.0) < stop.expected_j.value
    # 20 of 400 wrong: a standard error of .0109, 10,000 a month for a loss of 1
    half_width = 1.96 * (0.05 * 0.95 / 400) ** 0.5 * 10_000
    assert (stop.expected_j.high - stop.expected_j.low) / 2 == pytest.approx(half_width, rel=0.15)
    assert stop.basis == "measured on 400 validation items"


def test_without_a_refit_more_data_rests_on_other_data_and_says_so(run: Path) -> None:  # noqa: F811
    more, stop = steps(run)["more_data"], steps(run)["stop"]

    assert "learning curves of other data" in more.basis
    assert "without the cost of labelling" in more.basis
    # An exponent of .33 multiplies the loss by 2 ** -.33, some less as it is at least 0 and convex.
    cost = decide_again(run, Changes()).winner.cost
    assert cost is not None
    assert more.expected_j.value == pytest.approx(
        cost.total + (stop.expected_j.value - cost.total) * 2**-0.33, rel=0.06
    )
    assert more.expected_j.high - more.expected_j.low > 1.2 * (stop.expected_j.high - stop.expected_j.low) / 2


def test_refit_on_half_of_the_rows_takes_the_place_of_the_prior(run: Path) -> None:  # noqa: F811
    before = steps(run)["more_data"]
    workspace = Workspace(run)
    # Half of the rows: 80 wrong, of all of them 20: two halvings of the loss per doubling.
    workspace.write_half("encoder/m/full", of_labels(answers_with(80), GOAL.labels))
    write_text(workspace.data, '{"profile": {"rows": {"train": 1000}}}')

    more = steps(run)["more_data"]

    assert more.basis.startswith("a refit on half of the 1,000 training rows (loss 0.200, with all of them 0.050)")
    assert more.rows == 1_000
    assert more.expected_j.value < before.expected_j.value - 50


def test_next_larger_model_is_the_smallest_above_the_winner_with_its_best_method(run: Path) -> None:  # noqa: F811
    workspace = Workspace(run)
    pool = read_record(Pool, workspace.pool)
    sizes = {"cnn/m/scratch": 1, "encoder/m/full": 5, "encoder/m/lora": 9}
    members = tuple(replace(c, model=replace(c.model, parameters=sizes[c.name])) for c in pool.candidates)
    write_text(workspace.pool, to_json(replace(pool, candidates=members)))

    larger = steps(run)["larger_model"]

    assert larger.candidate == "encoder/m/lora"
    assert larger.basis == "its forecast after 10% of its run"
    assert larger.expected_j.low < larger.expected_j.value < larger.expected_j.high
    file = workspace.read_trials()[2].predictions
    workspace.add_trial(replace(trial("encoder/m/lora", 1, 0.1, 10.0), predictions=file))
    assert steps(run)["larger_model"].basis == "its forecast after 30% of its run"


def test_without_a_larger_model_there_are_two_steps(run: Path) -> None:  # noqa: F811
    assert set(steps(run)) == {"stop", "more_data"}


def test_line_states_three_numbers_with_intervals_and_the_price_of_a_label(run: Path) -> None:  # noqa: F811
    write_text(Workspace(run).data, '{"profile": {"rows": {"train": 1000}}}')
    decision = decide_again(run, Changes())
    stop, more = decision.next_steps

    line = next_steps_line(decision)

    saved = (stop.expected_j.value - more.expected_j.value) * 12 / 1_000
    assert line.startswith("Expected J, USD per month (95% interval): stop here ")
    assert f"worth it below {saved:.2f} USD per label" in line
    assert "stop here: measured on 400 validation items" in next_steps_basis(decision)
    old = replace(decision, next_steps=())
    assert (next_steps_line(old), next_steps_basis(old)) == ("", "")


def test_steps_are_read_again_from_the_file(run: Path) -> None:  # noqa: F811
    decision = decide_again(run, Changes())
    path = run / "again.json"
    write_text(path, to_json(decision))
    assert read_record(Decision, path).next_steps == decision.next_steps


def test_deciding_again_writes_nothing(run: Path) -> None:  # noqa: F811
    before = contents(run)
    decide_again(run, Changes())
    assert contents(run) == before


def test_twice_the_labels_of_a_winner_without_errors_cost_what_running_it_costs(run: Path) -> None:  # noqa: F811
    workspace = Workspace(run)
    trials = workspace.read_trials()
    faultless = [replace(each, loss=0.0) if each.candidate == "encoder/m/full" else each for each in trials]
    workspace.trials.unlink()
    for each in faultless:
        workspace.add_trial(each)
        if each.candidate == "encoder/m/full":
            workspace.write_answers(each.candidate, each.rung, of_labels(answers_with(0), GOAL.labels))
    decision = decide_again(run, Changes())
    more = {step.step: step for step in decision.next_steps}["more_data"]
    assert decision.winner.cost is not None
    assert more.expected_j.low >= 0
    assert more.expected_j.value >= decision.winner.cost.total
    stop = {step.step: step for step in decision.next_steps}["stop"]
    assert (decision.expected_regret or 0.0) <= stop.expected_j.value  # no errors in 400 items are not no errors at all
