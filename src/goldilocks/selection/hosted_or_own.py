"""Hosted or own: from which volume an owned model is cheaper than an endpoint, and from how many labels it is as good.

A month costs ``fixed + requests * (variable + loss)`` with both. The best endpoint and the best owned model among the
finished candidates are compared, errors included; the volume at which both cost the same is the break-even. The labels
come from the power law of ``learning_curve``: the owned model's loss after ``n`` rows is ``loss * (n / rows) ** -b``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from goldilocks.records import Cost, HostedOrOwn, Measured, Serving, ServingMode, Standing, TaskSpec
from goldilocks.selection.decide import Choice
from goldilocks.selection.learning_curve import Exponent

HOSTED = "api"
"""The family of endpoints."""
_TRIVIAL = "majority"
_MAX = 1e12
"""A volume above this is "none"."""
_MAX_ROWS = 1e9
"""A number of labels above this is "none"."""


def hosted_or_own(choice: Choice, spec: TaskSpec, law: Exponent, rows: int) -> HostedOrOwn | None:
    """The comparison; ``None`` where no endpoint, or no owned model, was finished within the limits.

    Args:
        choice: The decision.
        spec: Requests, prices, serving.
        law: How the owned model's loss falls with the rows.
        rows: Training rows; 0: not known, so nothing is said about labels.
    """
    ranked = [
        standing for standing in choice.standings if standing.candidate in choice.names and standing.cost is not None
    ]
    hosted = next((standing for standing in ranked if standing.family == HOSTED), None)
    own = next((standing for standing in ranked if standing.family not in (HOSTED, _TRIVIAL)), None)
    requests = spec.objective.requests_per_month
    if hosted is None or own is None or requests <= 0:
        return None
    volume = _break_even(choice, hosted, own, spec)
    enough = _labels(choice, hosted, own, law, rows, spec) if rows else None
    return HostedOrOwn(
        hosted=hosted.candidate,
        own=own.candidate,
        requests=volume,
        own_is_cheaper=_own_is_cheaper(choice, hosted, own, spec),
        labels=enough,
        rows=rows,
        label_price=spec.prices.label,
        lines=(_line(hosted, spec), _line(own, spec)),
    )


def _line(standing: Standing, spec: TaskSpec) -> tuple[float, float]:
    """(money per month at no requests, money for each request with its errors)."""
    assert standing.cost is not None
    assert standing.expected_j is not None
    requests = spec.objective.requests_per_month
    fixed, variable = _parts(standing.cost, spec.serving, requests)
    return fixed, variable + (standing.expected_j - standing.cost.total) / requests


def _parts(cost: Cost, serving: Serving, requests: float) -> tuple[float, float]:
    """(money per month at no requests, money for each): memory is fixed, but where only used seconds are paid for."""
    fixed, moving = cost.tuning + cost.labour + cost.storage, cost.tokens + cost.energy
    held, used = (cost.requests, 0.0) if serving.mode is ServingMode.HELD else (0.0, cost.requests)
    memory_moves = serving.mode is ServingMode.SERVERLESS
    fixed += held + (0.0 if memory_moves else cost.memory)
    return fixed, (moving + used + (cost.memory if memory_moves else 0.0)) / requests


def _draws(choice: Choice, standing: Standing) -> npt.NDArray[np.float64]:
    """Draws of J about the expected J, which decides."""
    assert standing.expected_j is not None
    drawn = choice.j_of(standing.candidate)
    return np.asarray(drawn - drawn.mean() + standing.expected_j)


def _slopes(choice: Choice, hosted: Standing, own: Standing, spec: TaskSpec) -> tuple[float, npt.NDArray[np.float64]]:
    """(fixed money that owning takes more a month, draws of the money that it saves on each request)."""
    requests = spec.objective.requests_per_month
    parts = {}
    for standing in (hosted, own):
        assert standing.cost is not None
        fixed, variable = _parts(standing.cost, spec.serving, requests)
        losses = (_draws(choice, standing) - standing.cost.total) / requests
        parts[standing.candidate] = fixed, variable + losses
    fixed_more = parts[own.candidate][0] - parts[hosted.candidate][0]
    return fixed_more, parts[hosted.candidate][1] - parts[own.candidate][1]


def _own_is_cheaper(choice: Choice, hosted: Standing, own: Standing, spec: TaskSpec) -> str:
    """``above`` the break-even, ``below`` it, ``always`` or ``never``."""
    fixed, saved = _slopes(choice, hosted, own, spec)
    each = float(saved.mean())
    if each > 0:
        return "above" if fixed > 0 else "always"
    return "never" if fixed >= 0 else "below"


def _break_even(choice: Choice, hosted: Standing, own: Standing, spec: TaskSpec) -> Measured | None:
    """Requests per month at which both cost the same; ``None``: one of them is cheaper at any volume."""
    fixed, saved = _slopes(choice, hosted, own, spec)
    each = float(saved.mean())
    if fixed * each <= 0:
        return None
    drawn = np.where(saved * fixed > 0, fixed / np.where(saved == 0, 1.0, saved), _MAX)
    return _measured(fixed / each, drawn, "requests per month")


def _labels(
    choice: Choice, hosted: Standing, own: Standing, law: Exponent, rows: int, spec: TaskSpec
) -> Measured | None:
    """Training rows after which the owned model has the endpoint's J; ``None``: it never would."""
    assert own.cost is not None
    target = (_draws(choice, hosted) - own.cost.total) / max(spec.objective.alpha, 1e-12)
    if float(target.mean()) <= 0:
        return None
    return labels_needed(choice.loss_of(own.candidate), target, law, rows, spec.seed)


def labels_needed(
    now: npt.NDArray[np.float64], target: npt.NDArray[np.float64], law: Exponent, rows: int, seed: int
) -> Measured | None:
    """Training rows after which a model's loss is that of another.

    Args:
        now: Draws of its loss after ``rows`` rows, ``(n_draws,)``.
        target: Draws of the loss to reach, the same shape.
        law: How the loss falls with the rows.
        rows: Training rows it has.
        seed: Seed of the draws of the exponent.

    Returns:
        The median with a 95% interval; ``None``: more than a billion rows, or never.

    Example: a loss of .2 after 1,000 rows that falls with the square root of the rows is .1 after 4,000
        >>> found = labels_needed(np.full(9, 0.2), np.full(9, 0.1), Exponent(0.5, 1e-9), 1_000, 0)
        >>> found and round(found.value)
        4000
    """
    now = np.maximum(now, 1e-6)
    rates = -np.log2(law.factors(len(now), seed))  # the exponent b of each draw
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        logs = math.log(rows) + np.log(now / np.maximum(target, 1e-9)) / np.maximum(rates, 1e-3)
    drawn = np.exp(np.clip(np.nan_to_num(logs, nan=math.log(_MAX)), 0.0, math.log(_MAX)))
    middle = float(np.median(drawn))
    return None if middle >= _MAX_ROWS else _measured(middle, drawn, "labels")


def _measured(value: float, drawn: Sequence[float] | npt.NDArray[np.float64], unit: str) -> Measured:
    low, high = (float(end) for end in np.quantile(drawn, [0.025, 0.975]))
    return Measured(value, min(low, value), max(high, value), len(drawn), unit)
