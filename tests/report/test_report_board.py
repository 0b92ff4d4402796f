from __future__ import annotations

from dataclasses import replace

import pytest
from fake_run import make_run, measured

from goldilocks.records import Excluded
from goldilocks.report.board import agreement, excluded, labels_of, leaderboard, loss_per_score, rank_table
from goldilocks.report.scales import Scale, log_ticks, round_ticks


def test_leaderboard_is_ordered_by_total_cost_then_the_unfinished() -> None:
    run = make_run(beyond=("recurrent/bigru-256/scratch",))

    rows = leaderboard(run.decision, run.trials)

    totals = [row.standing.J for row in rows if row.standing.J is not None]
    assert totals == sorted(totals)
    assert [row.standing.status for row in rows[len(totals) :]] == ["excluded", "stopped", "stopped"]


def test_loss_falls_by_one_when_accuracy_rises_by_one_and_rises_with_an_error_rate() -> None:
    trials = make_run().trials
    error_rates = [replace(trial, score=measured(trial.loss)) for trial in trials]

    assert loss_per_score(trials) == pytest.approx(-1)
    assert loss_per_score(error_rates) == pytest.approx(1)


def test_same_model_with_two_methods_keeps_two_names() -> None:
    names = labels_of(make_run().decision)

    assert names["encoder/all-MiniLM-L6-v2/full"] == "all-MiniLM-L6-v2 · full"
    assert names["majority/majority/scratch"] == "majority"
    assert len(set(names.values())) == len(names)


def test_every_candidate_without_a_rank_is_excluded_once() -> None:
    run = make_run()

    out = excluded(run.decision, run.pool, run.screening)

    names = [name for group in out for name in group.candidates]
    assert len(names) == len(set(names))
    unscored = {candidate.candidate for candidate in run.decision.candidates if candidate.score is None}
    assert unscored <= set(names)
    german = next(entry for entry in out if "speaks de" in entry.reason)
    assert german.candidates == ("encoder/bert-base-german/full", "encoder/bert-base-german/lora")


def test_who_fell_out_on_the_way_is_listed_with_its_own_reason() -> None:
    run = make_run()
    first, *others = run.decision.candidates
    reason = "failed in the race: api://h/v1/m: gave no answer"
    for scored in (first, replace(first, score=None)):
        fell = replace(scored, status="excluded", dropped="race", reason=reason)

        out = excluded(replace(run.decision, candidates=(fell, *others)), run.pool, run.screening)

        assert [(entry.reason, entry.candidates) for entry in out if entry.stage == "failed during the run"] == [
            (reason, (first.candidate,))
        ]


def test_models_that_are_elsewhere_share_one_reason() -> None:
    run = make_run()
    reasons = [Excluded(f"encoder/{entry}", f"hf://org/{entry}: not on this machine; name a folder.") for entry in "ab"]

    out = excluded(run.decision, replace(run.pool, excluded=tuple(reasons)), None)

    assert ("encoder/a", "encoder/b") in [
        entry.candidates for entry in out if entry.reason.startswith("not on this machine;")
    ]


def test_agreement_counts_pairs_in_the_right_order() -> None:
    places = {"a": 3, "b": 1, "c": 2, "never run": 4}

    # Pairs (a, b), (a, c), (b, c) by loss a < b < c: only b before c is right.
    assert agreement(places, {"a": 0.1, "b": 0.2, "c": 0.3}) == pytest.approx(1 / 3)
    assert agreement(places, {"a": 0.1}) is None


def test_rankings_stand_beside_the_lowest_loss_of_the_race() -> None:
    run = make_run()
    assert run.screening is not None

    rows, agreed = rank_table(run.trials, run.screening)

    assert rows[0][:2] == ("encoder/all-MiniLM-L6-v2", 0.0668)
    assert set(agreed) == {"h_score", "logme", "knn", "linear_probe", "size_only", "random"}
    assert agreed["knn"] == 1.0  # the fake ranks by the loss itself


def test_log_scale_puts_the_middle_decade_in_the_middle() -> None:
    scale = Scale(1.0, 100.0, 0.0, 200.0, log=True)

    assert scale(10.0) == pytest.approx(100.0)
    assert scale(0.0) == 0.0  # beyond the edge: at the edge


def test_ticks_stay_within_the_axis() -> None:
    assert log_ticks(1.0, 1000.0, 4) == [1.0, 10.0, 100.0, 1000.0]
    assert round_ticks(0.031, 0.048, 4) == [0.035, 0.04, 0.045]
    assert log_ticks(0.031, 0.048, 4) == [0.035, 0.04, 0.045]  # too narrow for powers of ten
