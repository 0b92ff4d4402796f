"""Which candidates are compressed: the winner, and those that lost on cost alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from goldilocks import plugins
from goldilocks.records import Cost, Decision, Footprint, Measured, Pool, Standing
from goldilocks.selection.second_chance import second_chances

ACCURACY = plugins.load("metrics", "accuracy")


def standing(name: str, score: float, cost: float, *, status: str = "raced", dropped: str = "") -> Standing:
    """One of 100 USD for each wrong share; beyond a limit there is no J."""
    quick = Measured(1.0, 1.0, 1.0, 1, "ms")
    monthly = Cost(0.0, 0.0, 0.0, cost, 0.0)
    return Standing(
        name,
        "family",
        name,
        "full",
        status,
        "",
        score=Measured(score, score, score, 100, "score"),
        footprint=Footprint(0.1, quick, quick, 1.0, 1, 1),
        cost=None if status == "excluded" else monthly,
        J=None if status == "excluded" else cost + 100 * (1 - score),
        dropped=dropped,
    )


def chosen(*others: Standing, most: int = 9, remote: str = "") -> tuple[str, ...]:
    winner = standing("winner", 0.9, 1.0, status="winner")
    decision: Any = SimpleNamespace(winner=winner, candidates=(winner, *others))
    models: Any = [
        SimpleNamespace(name=entry.candidate, model=SimpleNamespace(remote=entry.candidate == remote))
        for entry in (winner, *others)
    ]
    return second_chances(cast(Decision, decision), cast(Pool, SimpleNamespace(candidates=models)), ACCURACY, most)


def test_better_but_dearer_candidates_follow_the_winner_best_first() -> None:
    assert chosen(standing("good", 0.93, 20.0), standing("best", 0.95, 30.0)) == ("winner", "best", "good")
    assert chosen(standing("good", 0.93, 20.0), standing("best", 0.95, 30.0), most=2) == ("winner", "best")


def test_candidates_with_a_higher_loss_are_left_alone() -> None:
    assert chosen(standing("worse", 0.89, 0.5)) == ("winner",)


def test_candidate_as_good_that_costs_more_has_a_chance() -> None:
    assert chosen(standing("equal", 0.9, 5.0)) == ("winner", "equal")


def test_candidate_beyond_a_limit_has_a_chance_where_its_score_is_as_good() -> None:
    assert chosen(standing("large", 0.92, 5.0, status="excluded")) == ("winner", "large")
    assert chosen(standing("large", 0.88, 5.0, status="excluded")) == ("winner",)


def test_failed_candidates_and_endpoints_are_not_compressed() -> None:
    assert chosen(standing("failed", 0.99, 5.0, dropped="measuring")) == ("winner",)
    assert chosen(standing("hosted", 0.99, 5.0), remote="hosted") == ("winner",)
