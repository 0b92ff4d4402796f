from dataclasses import replace

import pytest
from race_records import MACHINE, SPEC

from goldilocks.records import Footprint, Measured, Objective, Prices
from goldilocks.select.cost import cost, running_cost

SPEC = replace(
    SPEC,
    objective=Objective(error_cost=0.05, requests_per_month=3_600_000, horizon_months=10),
    prices=Prices(cpu_hour=0.5, gpu_hour=2.0, gb_month=0.1, labour_hour=30.0),
)


def footprint(milliseconds: float, memory: int, size: int) -> Footprint:
    one = Measured(milliseconds, milliseconds, milliseconds, 100, "ms")
    return Footprint(0.1, one, one, 100.0, memory, size)


def test_every_part_of_the_cost_by_hand() -> None:
    got = cost(7200.0, footprint(10.0, 3 * 10**9, 5 * 10**8), SPEC, MACHINE)

    assert got.tuning == pytest.approx(2 * 0.5 / 10)  # two hours over ten months
    assert got.labour == pytest.approx(2 * 30 / 10)
    assert got.requests == pytest.approx(10 * 0.5)  # 3.6 M requests of 10 ms are 10 hours
    assert got.memory == pytest.approx(0.3)
    assert got.storage == pytest.approx(0.05)
    assert got.total == pytest.approx(0.1 + 6 + 5 + 0.3 + 0.05)


def test_accelerator_hours_have_their_own_price() -> None:
    assert running_cost(0.001, SPEC, replace(MACHINE, device="cuda")) == pytest.approx(1 * 2.0)
