"""cost(m): money per month, part by part. Everything in it was measured, or is a price from the task file."""

from __future__ import annotations

from goldilocks.records import Cost, Footprint, TaskSpec, Usage
from goldilocks.support.machine.hardware import Machine

_GB = 1e9
_KWH = 3.6e6


def machine_hour(spec: TaskSpec, machine: Machine) -> float:
    """Price of an hour of this machine, in the objective's currency."""
    return spec.prices.cpu_hour if machine.device == "cpu" else spec.prices.gpu_hour


def running_cost(seconds_per_request: float, spec: TaskSpec, machine: Machine, asked: Usage | None = None) -> float:
    """Money per month for answering: at ``seconds_per_request`` on this machine, or by the tokens of an endpoint."""
    if asked is not None:
        return spec.objective.requests_per_month * asked.each
    return spec.objective.requests_per_month * seconds_per_request / 3600 * machine_hour(spec, machine)


def cost(
    tuning_seconds: float,
    footprint: Footprint,
    spec: TaskSpec,
    machine: Machine,
    *,
    asked: Usage | None = None,
    spent: float = 0.0,
) -> Cost:
    """Money per month for a candidate.

    Args:
        tuning_seconds: Wall clock of its full run.
        footprint: What it needs to answer, measured.
        spec: Prices, requests and the horizon over which tuning is spread.
        machine: Tells whether hours are of the CPU or the GPU price.
        asked: Of a candidate at an endpoint what its validation questions took: a request is taken to cost as much as
            one of them on average, and nothing is paid for the time this machine waits.
        spent: Money for all its questions in the search; part of tuning.

    Example: 3,600 s of tuning at 0.05 an hour over 12 months is 0.05 / 12 a month; 200,000 requests of 9 ms are half an
    hour, 0.025 a month; 0.3 GB of memory at 0.1 a GB-month is 0.03; 200,000 requests of 18 J are 1 kWh, 0.2 a month.
    200,000 requests that read 100 tokens at 0.15 a million and write 5 at 0.6 are 3 + 0.6 a month.
    """
    months = spec.objective.horizon_months
    hours = tuning_seconds / 3600
    joules = spec.objective.requests_per_month * (footprint.joules_per_text or 0.0)
    return Cost(
        tuning=(hours * machine_hour(spec, machine) + spent) / months,
        labour=hours * spec.prices.labour_hour / months,
        requests=0.0 if asked else running_cost(footprint.latency_p50_ms.value / 1000, spec, machine),
        memory=footprint.memory_bytes / _GB * spec.prices.gb_month,
        storage=footprint.size_bytes / _GB * spec.prices.gb_month,
        energy=joules / _KWH * spec.prices.kwh,
        tokens=running_cost(0.0, spec, machine, asked) if asked else 0.0,
    )
