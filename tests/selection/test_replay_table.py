"""Policies replayed on tables."""

from __future__ import annotations

import pytest

from goldilocks.errors import GoldilocksError
from goldilocks.selection.replay_table import ReplayPlan, replay_table, summarise
from goldilocks.testing.races import races


def regret(policy: str, share: float | None, *, cold: bool = False) -> float:
    plan = ReplayPlan(policies=(policy,), shares=(share,) if share else (), cold=cold)
    results = replay_table(races(), plan)
    return next(entry.regret.value for entry in summarise(results) if entry.budget_share == share)


def test_experience_of_other_data_sets_finds_the_best_at_once() -> None:
    assert regret("value", 0.1) < 0.5
    assert regret("value", 0.1) <= regret("value", 0.1, cold=True)


def test_the_whole_budget_leaves_no_regret() -> None:
    assert regret("exhaustive", 1.0) == pytest.approx(0.0, abs=1e-9)


def test_a_replay_is_the_same_each_time() -> None:
    plan = ReplayPlan(policies=("value", "random"), shares=(0.25,), repeats=2)
    assert replay_table(races(), plan) == replay_table(races(), plan)


def test_unknown_policies_are_refused() -> None:
    with pytest.raises(GoldilocksError, match="telepathy"):
        replay_table(races(), ReplayPlan(policies=("telepathy",)))
