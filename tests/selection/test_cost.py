from dataclasses import replace
from pathlib import Path

import pytest
from race_records import MACHINE, SPEC, candidate

from goldilocks.records import Cost, Footprint, Measured, Objective, Prices, Serving, ServingMode, TaskSpec, Usage
from goldilocks.selection.cost import cost, running_cost
from goldilocks.support.files import from_json

SPEC = replace(
    SPEC,
    objective=Objective(error_cost=0.05, requests_per_month=3_600_000, horizon_months=10),
    prices=Prices(cpu_hour=0.5, gpu_hour=2.0, gb_month=0.1, labour_hour=30.0),
)


def footprint(milliseconds: float, memory: int, size: int, joules: float | None = None) -> Footprint:
    latency = Measured(milliseconds, milliseconds, milliseconds, 100, "ms")
    return Footprint(0.1, latency, latency, 100.0, memory, size, joules)


def test_every_part_of_the_cost_by_hand() -> None:
    got = cost(7200.0, footprint(10.0, 3 * 10**9, 5 * 10**8), SPEC, MACHINE)

    assert got.tuning == pytest.approx(2 * 0.5 / 10)  # two hours over ten months
    assert got.labour == pytest.approx(2 * 30 / 10)
    assert got.requests == pytest.approx(10 * 0.5)  # 3.6 M requests of 10 ms are 10 hours
    assert got.memory == pytest.approx(0.3)
    assert got.storage == pytest.approx(0.05)
    assert got.energy == 0  # the machine reports none
    assert got.total == pytest.approx(0.1 + 6 + 5 + 0.3 + 0.05)


def test_energy_the_machine_reports_is_paid_by_the_kilowatt_hour() -> None:
    spec = replace(SPEC, prices=replace(SPEC.prices, kwh=0.3))

    got = cost(0.0, footprint(0.0, 0, 0, joules=2.0), spec, MACHINE)

    assert got.energy == pytest.approx(2 * 0.3)  # 3.6 M requests of 2 J are 7.2 MJ: 2 kWh
    assert got.total == got.energy


def test_requests_at_an_endpoint_cost_their_tokens_and_no_machine_time() -> None:
    # 4 questions read 400 tokens at 0.15 a million and wrote 20 at 0.6: 0.000072, so 0.000018 each.
    asked = Usage(4, 400, 20, (400 * 0.15 + 20 * 0.6) / 1e6)

    got = cost(7200.0, footprint(10.0, 3 * 10**9, 0), SPEC, MACHINE, usage=asked, spent=2.5)

    assert got.tokens == pytest.approx(3_600_000 * 0.000018)
    assert got.requests == 0
    assert got.tuning == pytest.approx((2 * 0.5 + 2.5) / 10)  # two hours, and the questions of the search
    assert got.total == pytest.approx(64.8 + 0.35 + 6 + 0.3)
    assert running_cost(9.9, SPEC, MACHINE, asked) == got.tokens


def test_accelerator_hours_have_their_own_price() -> None:
    assert running_cost(0.001, SPEC, replace(MACHINE, device="cuda")) == pytest.approx(1 * 2.0)


def test_decision_written_before_energy_was_measured_still_loads(tmp_path: Path) -> None:
    old = '{"tuning": 0.1, "labour": 6, "requests": 5, "memory": 0.3, "storage": 0.05}'
    assert from_json(Cost, old, where=tmp_path).total == pytest.approx(11.45)
    ms = '{"value": 1, "low": 1, "high": 1, "n": 9, "unit": "ms"}'
    needs = (
        f'{{"load_seconds": 1, "latency_p50_ms": {ms}, "latency_p95_ms": {ms}, "texts_per_second": 5, '
        '"memory_bytes": 7, "size_bytes": 8}'
    )
    assert from_json(Footprint, needs, where=tmp_path).joules_per_text is None


def served(mode: ServingMode, **more: object) -> TaskSpec:
    return replace(SPEC, serving=Serving(mode=mode, **more))  # type: ignore[arg-type]


def test_old_price_of_a_gigabyte_sets_memory_and_storage() -> None:
    prices = Prices(gb_month=0.1)
    assert (prices.memory_gb_month, prices.storage_gb_month, prices.gb_month) == (0.1, 0.1, None)
    old = '{"cpu_hour": 0.05, "gb_month": 0.2}'
    assert from_json(Prices, old, where=Path("x")).memory_gb_month == 0.2


def test_memory_and_storage_are_priced_apart() -> None:
    spec = replace(SPEC, prices=replace(SPEC.prices, memory_gb_month=3.0, storage_gb_month=0.1))
    got = cost(0.0, footprint(0.0, 2 * 10**9, 5 * 10**9), spec, MACHINE)
    assert (got.memory, got.storage) == pytest.approx((6.0, 0.5))


def test_held_machine_is_paid_for_all_month_with_its_memory_and_energy() -> None:
    got = cost(0.0, footprint(10.0, 10**9, 0, joules=5.0), served(ServingMode.HELD), MACHINE)
    assert got.requests == pytest.approx(730 * 0.5)  # 10 hours of work fit into one machine
    assert (got.memory, got.energy) == (0, 0)
    # 3.6 M requests of 1 s are 1,000 hours: two machines.
    assert cost(0.0, footprint(1000.0, 0, 0), served(ServingMode.HELD), MACHINE).requests == pytest.approx(
        2 * 730 * 0.5
    )


def test_serverless_pays_memory_for_the_busy_hours_only() -> None:
    got = cost(0.0, footprint(10.0, 73 * 10**9, 0), served(ServingMode.SERVERLESS), MACHINE)
    assert got.requests == pytest.approx(10 * 0.5)
    assert got.memory == pytest.approx(73 * 0.1 * 10 / 730)


def test_model_that_does_not_use_the_accelerator_is_not_billed_for_it() -> None:
    gpu = replace(MACHINE, device="cuda")
    counts = candidate("naive_bayes/word/scratch").model
    network = replace(counts, groups=("embeddings", "head"))
    needs = footprint(10.0, 0, 0)
    assert cost(3600.0, needs, SPEC, gpu, model=counts).total == pytest.approx((0.5 + 30) / 10 + 10 * 0.5)
    assert cost(3600.0, needs, SPEC, gpu, model=network).total == pytest.approx((2 + 30) / 10 + 10 * 2)
    assert cost(0.0, needs, served(ServingMode.BUSY, machine="cpu"), gpu, model=network).requests == pytest.approx(5.0)
    assert cost(0.0, needs, served(ServingMode.BUSY, machine="gpu"), MACHINE, model=counts).requests == pytest.approx(
        20.0
    )


def test_requests_are_paid_by_their_mean_time_and_its_interval_is_the_costs() -> None:
    needs = replace(
        footprint(10.0, 0, 0),
        mean_ms=Measured(20.0, 18.0, 22.0, 100, "ms"),
        batch_mean_ms=Measured(4.0, 4.0, 4.0, 9, "ms"),
    )
    got = cost(0.0, needs, SPEC, MACHINE)
    assert got.requests == pytest.approx(20 * 0.5)
    assert got.error == pytest.approx(2 * 0.5)
    assert cost(0.0, needs, served(ServingMode.BUSY, batch_size=32), MACHINE).requests == pytest.approx(4 * 0.5)
    # A run is timed once: a tenth of its price is taken for the error.
    assert cost(7200.0, footprint(0.0, 0, 0), SPEC, MACHINE).error == pytest.approx(0.1 * (0.1 + 6))
