"""Seconds from where a candidate stands to each rung."""

from __future__ import annotations

import numpy as np
import pytest

from goldilocks.selection.purchase_times import PurchaseTimes

# Two candidates of one family and one of another; rungs at 0.1, 0.3 and 1 of the run.
TIMES = PurchaseTimes(
    predicted=np.array([95.0, 195.0, 45.0]),
    once=np.array([0.0, 0.2, 0.0]),
    behind=np.array([[0.1, 0.3, 1.0]] * 3),
    families=np.array([0, 0, 1]),
)


def to_each_rung(done: list[int], spent: list[float], again: tuple[int, ...] = ()) -> np.ndarray:
    return TIMES.to_each_rung(np.array(done), np.array(spent), again)


def test_before_any_run_the_forecasts_hold() -> None:
    assert to_each_rung([0, 0, 0], [0, 0, 0])[0] == pytest.approx([9.5, 28.5, 95.0])


def test_run_that_has_begun_is_extrapolated_from_what_it_took() -> None:
    # 60 seconds for 0.3 of the run: 200 for the whole of it, 140 of them ahead.
    assert to_each_rung([2, 0, 0], [60.0, 0, 0])[0] == pytest.approx([0.0, 0.0, 140.0])


def test_others_of_its_family_take_as_many_times_their_forecast_and_other_families_the_root() -> None:
    # 28.5 seconds were forecast, 62 were taken: with 5 seconds that no forecast counts the ratio is 67 / 33.5 = 2.
    got = to_each_rung([2, 0, 0], [62.0, 0, 0])
    assert got[1, 2] == pytest.approx(2 * 195)
    # As if one more family had kept to its forecast: the geometric mean of 2 and 1.
    assert got[2, 2] == pytest.approx(2**0.5 * 45)


def test_frozen_layers_of_a_run_from_another_process_run_again() -> None:
    # 30 seconds for 0.1 of the run; 0.2 of its 300 seconds come on top of each rung that is still ahead.
    assert to_each_rung([0, 1, 0], [0, 30.0, 0], again=(1,))[1] == pytest.approx([0.0, 120.0, 330.0])
