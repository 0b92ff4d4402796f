"""The first purchase of ``value``: what is finished before anything can be improved on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from goldilocks.policies import value
from goldilocks.selection.experience_fit import fit_experience
from goldilocks.testing.races import races


def first(budget: float, seconds: dict[str, float]) -> str:
    """The first purchase of a race whose candidates take so long; experience knows that ``m0`` is the best."""
    recorded = races()
    standings = recorded[0].standings(fit_experience(recorded[1:]))
    predicted = np.array([seconds.get(candidate.model.name, 100.0) for candidate in standings.pool])
    standings._times = replace(standings._times, predicted=predicted)
    standings.left = budget
    purchase = value.choose(standings)
    assert purchase is not None
    return purchase[0]


def test_a_reference_that_costs_little_comes_first() -> None:
    assert first(1_000.0, {"m5": 10.0}) == "encoder/m5/full"
    assert first(20.0, {"m5": 3.0}) == "encoder/m5/full"


def test_of_equal_prices_the_best_expected_comes_first() -> None:
    assert first(300.0, {}) == "encoder/m0/full"
    assert first(110.0, {}) == "encoder/m0/full"


def test_a_run_that_may_not_end_in_time_does_not_come_first() -> None:
    assert first(120.0, {"m0": 115.0, "m5": 20.0}) == "encoder/m5/full"
