"""The decision: who is best by J = cost + α·loss, who cannot be told apart from it, and for which α that holds.

*Ties.* Every finished candidate is compared with the best on the same items: a paired bootstrap of J (everybody is
scored on the same draws), or the exact McNemar test where a handful of items decides; p-values are adjusted after Holm
over the pool. Not being significantly worse is not enough to be called equal (a small validation set would make all
equal), so a tied candidate also lies within one standard error of the difference: Breiman's one-standard-error rule, in
money. Among the tied the cheapest wins. See docs/decisions/0003-ties.md.

*The map.* Each candidate is a line J(α) = cost + α·loss; their lower envelope says who wins for which α.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from goldilocks.errors import LimitError
from goldilocks.evaluation.score import centred, draws, loss_of
from goldilocks.protocols import Metric
from goldilocks.records import (
    AlphaRange,
    Answer,
    Candidate,
    Cost,
    Footprint,
    Gold,
    Limits,
    Measured,
    Output,
    Standing,
    TaskSpec,
    Trial,
    Usage,
)
from goldilocks.support.scoring.statistics import bootstrap_p, bootstrap_weights, holm, interval, mcnemar_exact

TIE_LEVEL = 0.05
"""Adjusted p-value above which a candidate is not told apart from the best."""
FEW = 25
"""With fewer items on which just one of the two is right, resampling says little and the exact test is used."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A candidate that ran to the end, with all that the decision needs of it."""

    candidate: Candidate
    trial: Trial
    answers: tuple[Answer, ...]
    """Its answer to each validation item, in order."""
    seconds: float
    """Spent on it in the race: what tuning it took."""
    footprint: Footprint
    cost: Cost
    usage: Usage | None = None
    """What the search asked an endpoint for it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What ``decide`` found."""

    winner: Standing
    standings: tuple[Standing, ...]
    """Every finished candidate, best J first."""
    tied: tuple[str, ...]
    """Names that cannot be told apart from the best, the winner among them."""
    map: tuple[AlphaRange, ...]


def decide(
    finished: Sequence[Finished], gold: Sequence[Gold], metric: Metric, spec: TaskSpec, *, n_draws: int = 2_000
) -> Choice:
    """Choose among the candidates that finished.

    Args:
        finished: At least one.
        gold: Right answers of the validation items.
        metric: The metric that decides.
        spec: α, limits, seed.
        n_draws: Bootstrap draws; 2,000 keep the ends of an interval stable to about 5 % of its width.

    Raises:
        LimitError: nobody keeps the hard limits; the nearest is named.
    """
    within, beyond = _within_limits(finished, spec.limits)
    alpha = spec.objective.alpha
    weights = bootstrap_weights(len(gold), n_draws, seed=spec.seed)
    losses = {
        one.candidate.name: centred(loss_of(metric, draws(metric, gold, one.answers, weights)), one.trial.loss)
        for one in within
    }
    monthly = {one.candidate.name: one.cost.total + alpha * one.trial.loss for one in within}
    best = min(within, key=lambda one: (monthly[one.candidate.name], one.candidate.name))
    name_of_best = best.candidate.name

    gaps: dict[str, Measured] = {}
    p_values: dict[str, float] = {}
    errors: dict[str, float] = {}
    for one in within:
        name = one.candidate.name
        drawn = one.cost.total - best.cost.total + alpha * (losses[name] - losses[name_of_best])
        gaps[name] = _measured_gap(monthly[name] - monthly[name_of_best], drawn, len(gold), spec.objective.currency)
        errors[name] = float(drawn.std())
        if name != name_of_best:
            p_values[name] = _p_value(one, best, gold, metric, drawn)
    adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    tied = {name for name, p in adjusted.items() if p > TIE_LEVEL and gaps[name].value <= errors[name]} | {name_of_best}
    winner = min(
        (one for one in within if one.candidate.name in tied),
        key=lambda one: (one.cost.total, monthly[one.candidate.name]),
    )

    def standing(one: Finished) -> Standing:
        name = one.candidate.name
        status = "winner" if one is winner else "tied" if name in tied else "raced"
        return _standing(one, status, monthly=monthly[name], gap=gaps[name], p_value=adjusted.get(name))

    ranked = sorted((standing(one) for one in within), key=lambda one: one.J or 0.0)
    ranked += [replace(_standing(one, "excluded"), reason=reason) for one, reason in beyond]
    standings = tuple(_with_reason(one, winner.candidate.name, spec.objective.currency) for one in ranked)
    return Choice(
        winner=next(one for one in standings if one.status == "winner"),
        standings=standings,
        tied=tuple(one.candidate for one in standings if one.candidate in tied),
        map=decision_map({one.candidate.name: (one.cost.total, one.trial.loss) for one in within}),
    )


def decision_map(points: Mapping[str, tuple[float, float]]) -> tuple[AlphaRange, ...]:
    """Who has the lowest cost + α·loss for which α ≥ 0: the lower envelope of the lines.

    Args:
        points: Candidate -> (cost, loss).

    Example: a costs 1 with loss .5, b costs 2 with loss .3: they meet where 1 + .5α = 2 + .3α, at α = 5.
        >>> [(one.candidate, one.alpha_from, one.alpha_to) for one in decision_map({"a": (1, 0.5), "b": (2, 0.25)})]
        [('a', 0.0, 4.0), ('b', 4.0, None)]
    """
    current = min(points, key=lambda name: (points[name][0], points[name][1], name))
    ranges: list[AlphaRange] = []
    alpha = 0.0
    while True:
        cost, loss = points[current]
        # The next to take over is the line of smaller slope (loss) that is met first.
        crossings = [
            ((points[name][0] - cost) / (loss - points[name][1]), points[name][1], name)
            for name in points
            if points[name][1] < loss
        ]
        if not crossings:
            ranges.append(AlphaRange(current, alpha, None))
            return tuple(ranges)
        meeting, _, following = min(crossings)
        if meeting > alpha:
            ranges.append(AlphaRange(current, alpha, meeting))
        alpha, current = max(meeting, alpha), following


def broken_limit(footprint: Footprint, score: float, limits: Limits) -> tuple[str, float] | None:
    """The first hard limit that is broken, in words, and by what factor; ``None`` where all are kept."""
    checks = [
        ("latency_p95_ms", footprint.latency_p95_ms.value, limits.latency_p95_ms, "ms"),
        ("memory_mb", footprint.memory_bytes / 1e6, limits.memory_mb, "MB"),
        ("size_mb", footprint.size_bytes / 1e6, limits.size_mb, "MB"),
    ]
    for name, value, limit, unit in checks:
        if limit is not None and value > limit:
            return f"{name}: measured {value:.3g} {unit}, limit {limit:g} {unit}", value / limit
    if limits.min_score is not None and score < limits.min_score:
        return f"min_score: scored {score:.3f}, limit {limits.min_score:g}", limits.min_score / max(score, 1e-9)
    return None


def _within_limits(finished: Sequence[Finished], limits: Limits) -> tuple[list[Finished], list[tuple[Finished, str]]]:
    within: list[Finished] = []
    beyond: list[tuple[float, Finished, str]] = []
    for one in finished:
        broken = broken_limit(one.footprint, one.trial.score.value, limits)
        if broken is None:
            within.append(one)
        else:
            beyond.append((broken[1], one, broken[0]))
    if not within:
        factor, nearest, reason = min(beyond, key=lambda three: three[0])
        raise LimitError(
            f"no candidate keeps the limits; the nearest is {nearest.candidate.name} ({reason}, "
            f"{factor:.2f} times over). "
            "Loosen that limit in the task file, then --resume."
        )
    return within, [(one, reason) for _, one, reason in beyond]


def _p_value(
    one: Finished, best: Finished, gold: Sequence[Gold], metric: Metric, drawn: npt.NDArray[np.float64]
) -> float:
    """Two-sided: how likely a gap like this is, were the two equally good."""
    if Output.LABEL not in metric.OUTPUTS:  # elsewhere an answer is better or worse, not right or wrong
        return bootstrap_p(drawn)
    right = np.array([a == g for a, g in zip(one.answers, gold, strict=True)])
    best_right = np.array([a == g for a, g in zip(best.answers, gold, strict=True)])
    lost, won = int((best_right & ~right).sum()), int((right & ~best_right).sum())
    if lost + won < FEW:
        return mcnemar_exact(lost, won)
    return bootstrap_p(drawn)


def _measured_gap(value: float, drawn: npt.NDArray[np.float64], n: int, currency: str) -> Measured:
    return Measured(value, *interval(drawn), n, f"{currency} per month")


def _standing(
    one: Finished,
    status: str,
    *,
    monthly: float | None = None,
    gap: Measured | None = None,
    p_value: float | None = None,
) -> Standing:
    model = one.candidate.model
    return Standing(
        candidate=one.candidate.name,
        family=model.family,
        model=model.name,
        method=one.candidate.method,
        status=status,
        reason="",
        parameters=model.parameters,
        licence=model.licence,
        share=one.trial.share,
        seconds=one.seconds,
        score=one.trial.score,
        footprint=one.footprint,
        cost=one.cost,
        J=monthly,
        gap=gap,
        p_value=p_value,
        usage=one.usage,
    )


def _with_reason(one: Standing, winner: str, currency: str) -> Standing:
    if one.reason or one.gap is None:
        return one
    if one.candidate == winner:
        reason = "lowest J" if one.gap.value <= 0 else "cheapest of those that cannot be told apart from the lowest J"
    elif one.status == "tied":
        reason = "cannot be told apart from the lowest J, but costs more than the winner"
    else:
        reason = f"J is {one.gap.value:.4g} {currency} a month above the lowest"
    return replace(one, reason=reason)
