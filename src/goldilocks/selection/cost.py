"""cost(m): money per month by part. Every quantity is measured or a price from the task file."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from goldilocks.records import Cost, Footprint, Measured, ModelInfo, Serving, ServingMode, TaskSpec, Usage
from goldilocks.support.machine.hardware import Machine

Floats = npt.NDArray[np.float64]

_GB = 1e9
_KWH = 3.6e6
HOURS_PER_MONTH = 730.0
"""A year of 8,760 hours, by twelve."""
TUNING_ERROR = 0.1
"""Relative error of the seconds of a run, which are measured once: two runs of one candidate on a machine in light use
differ by about so much."""


def machine_hour(spec: TaskSpec, machine: Machine, model: ModelInfo | None = None) -> float:
    """Price of an hour of the tuning machine, in the objective's currency.

    Args:
        spec: Prices.
        machine: Whether it has an accelerator.
        model: What runs on it: a model without weight groups is fitted in a single pass, on the processor alone.
    """
    accelerated = machine.device != "cpu" and (model is None or uses_accelerator(model))
    return spec.prices.gpu_hour if accelerated else spec.prices.cpu_hour


def serving_hour(spec: TaskSpec, machine: Machine, model: ModelInfo | None = None) -> float:
    """Price of an hour of the machine that answers (``serving.machine``)."""
    match spec.serving.machine:
        case "cpu":
            return spec.prices.cpu_hour
        case "gpu":
            return spec.prices.gpu_hour
        case _:
            return machine_hour(spec, machine, model)


def uses_accelerator(model: ModelInfo) -> bool:
    """Whether a model computes on the accelerator where there is one: networks do, counts and linear models do not."""
    return bool(model.groups)


def service_ms(footprint: Footprint, serving: Serving) -> Measured:
    """Mean time of one request, in milliseconds; the median where an earlier version did not measure the mean."""
    if serving.batch_size > 1 and footprint.batch_mean_ms is not None:
        return footprint.batch_mean_ms
    return footprint.mean_ms or footprint.latency_p50_ms


def running_cost(
    seconds_per_request: float,
    spec: TaskSpec,
    machine: Machine,
    usage: Usage | None = None,
    *,
    model: ModelInfo | None = None,
) -> float:
    """Money per month for answering: ``seconds_per_request`` of the serving machine, or the tokens of an endpoint."""
    requests = spec.objective.requests_per_month
    if usage is not None:
        return requests * usage.each
    hours = requests * seconds_per_request / 3600
    if spec.serving.mode is ServingMode.HELD:
        hours = HOURS_PER_MONTH * max(1, math.ceil(hours / HOURS_PER_MONTH))
    return hours * serving_hour(spec, machine, model)


def with_estimates(measured: Floats, *groups: npt.NDArray[np.int64]) -> Floats:
    """Running costs with an estimate where none was measured: the cheapest of the narrowest group that has one.

    Hoping for the cheapest passes no candidate over for a cost that was never measured.

    Args:
        measured: Money per month, ``(n,)``; not a number where it was not measured.
        groups: Number of each candidate's group, the widest grouping first.

    Example: the second is of the first's family, the third is of neither group
        >>> with_estimates(np.array([2.0, np.nan, np.nan, 1.0]), np.array([0, 0, 1, 2])).tolist()
        [2.0, 2.0, 1.0, 1.0]
    """
    unknown = np.isnan(measured)
    if unknown.all():
        return np.zeros(len(measured))
    costs = np.full(len(measured), np.nanmin(measured))
    for group in groups:
        fastest = np.full(int(group.max()) + 1, np.inf)
        np.minimum.at(fastest, group[~unknown], measured[~unknown])
        costs = np.where(np.isfinite(fastest[group]), fastest[group], costs)
    return np.where(unknown, costs, measured)


def cost(
    tuning_seconds: float,
    footprint: Footprint,
    spec: TaskSpec,
    machine: Machine,
    *,
    model: ModelInfo | None = None,
    usage: Usage | None = None,
    spent: float = 0.0,
) -> Cost:
    """Money per month for a candidate.

    Args:
        tuning_seconds: Wall-clock seconds of its full run.
        footprint: Measured latency, memory, size and energy of its predictions.
        spec: Prices, requests, how it will be served, and the horizon over which tuning is spread.
        machine: Decides whether hours are charged at the CPU or the GPU price.
        model: The candidate's model, which may not use the accelerator; ``None``: it is assumed to.
        usage: For a candidate at an endpoint, the tokens of its validation requests: each request in production is
            assumed to cost their mean, and the time this machine waits costs nothing.
        spent: Money paid for all its requests during the search; part of tuning.

    Example: 3,600 s of tuning at 0.05 an hour over 12 months is 0.05 / 12 a month; 200,000 requests of 9 ms are half an
    hour, 0.025 a month; 0.3 GB of memory at 3 a GB-month is 0.9; 200,000 requests of 18 J are 1 kWh, 0.2 a month.
    200,000 requests that read 100 tokens at 0.15 a million and write 5 at 0.6 are 3 + 0.6 a month.
    """
    months = spec.objective.horizon_months
    hours = tuning_seconds / 3600
    service = service_ms(footprint, spec.serving)
    each = [service.low, service.value, service.high]
    low, requests, high = (running_cost(ms / 1000, spec, machine, model=model) for ms in each)
    tuning = hours * machine_hour(spec, machine, model)
    joules = spec.objective.requests_per_month * (footprint.joules_per_text or 0.0)
    return Cost(
        tuning=(tuning + spent) / months,
        labour=hours * spec.prices.labour_hour / months,
        requests=0.0 if usage else requests,
        memory=_memory_gb(footprint, spec, service.value) * spec.prices.memory_gb_month,
        storage=footprint.size_bytes / _GB * spec.prices.storage_gb_month,
        energy=joules / _KWH * spec.prices.kwh if spec.serving.mode is ServingMode.BUSY and not usage else 0.0,
        tokens=running_cost(0.0, spec, machine, usage) if usage else 0.0,
        error=math.hypot(
            0.0 if usage else (high - low) / 2,
            TUNING_ERROR * (tuning + hours * spec.prices.labour_hour) / months,
        ),
    )


def _memory_gb(footprint: Footprint, spec: TaskSpec, milliseconds: float) -> float:
    """GB held over a whole month: all of it, none beyond the machine that is paid for anyway, or by the busy hours."""
    held = footprint.memory_bytes / _GB
    match spec.serving.mode:
        case ServingMode.HELD:
            return 0.0
        case ServingMode.SERVERLESS:
            return held * spec.objective.requests_per_month * milliseconds / 3.6e6 / HOURS_PER_MONTH
        case _:
            return held
