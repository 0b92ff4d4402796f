"""The decision: the finished candidate with the lowest expected J = cost + α·loss, its uncertainty, and the range of α.

*Rule.* The winner has the lowest posterior expected J among the finished candidates within the limits. The posterior of
a loss is the validation estimate, shrunk towards the other candidates as far as their differences are noise
(``best_set.shrink``): it needs nothing but the answers, so deciding again from the same records gives the same winner.
Differences that the timing of the machine cannot resolve are ordered by validation loss, then parameters, then name. A
cheaper candidate wins only within ``objective.indifference``. See docs/decisions/0008-rule.md.

*Best set.* The candidates that cannot be excluded as the best at 95%, however many there are.

*Map.* Each candidate is a line J(α) = cost + α·loss; their lower envelope says which is best for which α.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from goldilocks.errors import LimitError
from goldilocks.evaluation.error_cost import LossRule
from goldilocks.evaluation.score import loss_of
from goldilocks.protocols import Floats, Metric
from goldilocks.records import (
    AlphaRange,
    Gold,
    LossNoise,
    Measured,
    Standing,
    TaskSpec,
)
from goldilocks.selection.decision_map import decision_map
from goldilocks.selection.joint_losses import LossPrior, MeasuredLosses, joint_draws
from goldilocks.selection.limits import broken_limit
from goldilocks.selection.loss_money import monthly_loss
from goldilocks.selection.loss_table import Finished, LossTable, loss_table
from goldilocks.selection.seeds import depends_on_seed
from goldilocks.support.scoring.best_set import BestSet, best_set, paired_errors, selection_error
from goldilocks.support.scoring.shrinkage import Shrinkage, shrink
from goldilocks.support.scoring.statistics import (
    bootstrap_weights,
    normal_quantile,
    weighted_sums,
    wilson_end,
)

_MAX_ON_PAGE = 40
"""Candidates whose pairwise errors are kept for other values of α."""


@dataclass(frozen=True, slots=True)
class Prospect:
    """A candidate that did not finish: it cannot win, but it may be better than the winner."""

    candidate: str
    loss: float
    """Expected final loss."""
    spread: float
    """Its standard deviation."""
    cost: float
    """Money per month, as far as it is known."""

    def draws(self, n_draws: int, seed: int) -> npt.NDArray[np.float64]:
        """Draws of its final loss, log-normal, at most 1, ``(n_draws,)``."""
        mean = max(self.loss, 1e-9)
        spread = np.sqrt(np.log1p((self.spread / mean) ** 2))
        drawn = np.random.default_rng(seed).standard_normal(n_draws)
        return np.asarray(np.minimum(np.exp(np.log(mean) - spread**2 / 2 + spread * drawn), 1.0))


@dataclass(frozen=True, slots=True)
class Prospects:
    """What is known of final losses besides the answers of finished candidates."""

    members: tuple[Prospect, ...] = ()
    """The candidates that did not finish."""
    prior: LossPrior | None = None
    """Joint prior of finished and unfinished candidates, before any final loss was measured; candidates outside it are
    independent of the others. ``None``: all are."""


_NO_PROSPECTS = Prospects()


@dataclass(frozen=True, slots=True)
class Choice:
    """What ``decide`` found."""

    winner: Standing
    standings: tuple[Standing, ...]
    """Every finished candidate: the winner, then the others by expected J, then those beyond a limit."""
    tied: tuple[str, ...]
    """The best set, the winner among it."""
    map: tuple[AlphaRange, ...]
    expected_regret: float
    """Money per month that the winner is expected to cost more than the best, prospects included."""
    loss_noise: LossNoise
    p_best: Mapping[str, float]
    """Candidate (finished or prospect) -> probability that its J is the lowest."""
    names: tuple[str, ...] = ()
    """The candidates within the limits."""
    item_losses: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)), compare=False, repr=False)
    """What each item (or group of items) contributes to their losses, ``(n_items, n_names)``."""
    loss_draws: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)), compare=False, repr=False)
    """Draws of their losses from the posterior, ``(n_draws, n_names)``."""
    j_draws: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)), compare=False, repr=False)
    """Draws of their J, errors of the timing included, in the same shape."""
    seed_spread: float = 0.0
    """See ``SeedSpread.relative``."""

    def loss_of(self, candidate: str) -> npt.NDArray[np.float64]:
        """Draws of a candidate's loss, ``(n_draws,)``."""
        return np.asarray(self.loss_draws[:, self.names.index(candidate)])

    def j_of(self, candidate: str) -> npt.NDArray[np.float64]:
        """Draws of a candidate's J, ``(n_draws,)``."""
        return np.asarray(self.j_draws[:, self.names.index(candidate)])


@dataclass(frozen=True, slots=True)
class _Eligible:
    """The candidates within the limits as arrays, all of shape ``(n_candidates,)`` unless it says otherwise."""

    members: Sequence[Finished]
    table: LossTable
    losses: npt.NDArray[np.float64]
    costs: npt.NDArray[np.float64]
    cost_errors: npt.NDArray[np.float64]
    """Standard error of each cost, from the timing of the machine."""
    noise: Floats
    """Resampled errors of the losses, ``(n_draws, n_candidates)``."""
    item_errors: npt.NDArray[np.float64]
    """Standard error of each loss by the choice of items."""
    step: float
    """Loss that one item makes up; 0 where items are not just right or wrong."""
    posterior: Shrinkage
    names: Sequence[str]


def decide(
    finished: Sequence[Finished],
    gold: Sequence[Gold],
    metric: Metric,
    spec: TaskSpec,
    *,
    prospects: Prospects = _NO_PROSPECTS,
    rule: LossRule | None = None,
    n_draws: int = 1_000,
) -> Choice:
    """Choose among the candidates that finished.

    Args:
        finished: At least one.
        gold: Gold answers of the validation items.
        metric: The metric that decides.
        spec: What errors cost, limits, seed.
        prospects: Candidates that did not finish, and the prior of all; these enter the probabilities and the expected
            regret only.
        rule: How answers become loss in money; ``None``: by the metric's loss, as recorded in the trials.
        n_draws: Bootstrap draws; 1,000 keep the ends of an interval stable to about 7 % of its width.

    Raises:
        LimitError: no candidate meets the hard limits; the nearest is named.
    """
    within, beyond = _within_limits(finished, spec)
    eligible = _eligible(within, gold, metric, spec, rule, n_draws)
    costs = _monthly_costs(eligible, prospects, spec)
    rows = _rows(eligible, costs, metric, spec)
    rows += [replace(standing_of(candidate, "excluded"), reason=reason) for candidate, reason in beyond]
    ranges = decision_map(
        {
            name: (cost, loss)
            for name, cost, loss in zip(eligible.names, eligible.costs.tolist(), eligible.losses.tolist(), strict=True)
        }
    )
    return Choice(
        winner=rows[0],
        standings=tuple(rows),
        tied=tuple(row.candidate for row in rows if row.candidate in costs.tied),
        map=ranges,
        expected_regret=costs.expected_regret,
        loss_noise=_loss_noise(eligible, costs.best, ranges, costs.expected),
        p_best=costs.p_best,
        names=tuple(eligible.names),
        item_losses=eligible.table.per_item,
        loss_draws=costs.loss_draws,
        j_draws=costs.draws,
        seed_spread=eligible.table.spread.relative,
    )


@dataclass(frozen=True, slots=True)
class _MonthlyCosts:
    """J of the eligible candidates, money per month, and what follows from it; arrays of shape ``(n_candidates,)``."""

    observed: Floats
    """J at the measured losses."""
    expected: Floats
    """Posterior expected J."""
    noise: Floats
    """Resampled errors of J, ``(n_draws, n_candidates)``."""
    best: BestSet
    winner: int
    tied: Collection[str]
    """The best set, by name."""
    p_best: Mapping[str, float]
    expected_regret: float
    """See ``Choice.expected_regret``."""
    loss_draws: npt.NDArray[np.float64]
    """Draws of the losses from the posterior, ``(n_draws, n_candidates)``."""
    draws: npt.NDArray[np.float64]
    """Draws of J, errors of the timing included, in the same shape."""


def _monthly_costs(eligible: _Eligible, prospects: Prospects, spec: TaskSpec) -> _MonthlyCosts:
    """J of the eligible candidates with its errors, the winner by it, and what is known of the others beside it."""
    expected = eligible.costs + monthly_loss(eligible.posterior.mean, spec.objective)
    observed = eligible.costs + monthly_loss(eligible.losses, spec.objective)
    winner = _winner(eligible, expected, spec.objective.indifference)
    rng = np.random.default_rng(spec.seed)
    timing = rng.standard_normal(eligible.noise.shape, dtype=np.float32) * eligible.cost_errors.astype(np.float32)
    noise = monthly_loss(eligible.noise, spec.objective) + timing
    best = best_set(observed, noise, step=float(monthly_loss(eligible.step, spec.objective)))
    losses, future = _loss_draws(eligible, prospects, rng)
    draws = eligible.costs + monthly_loss(losses, spec.objective) + timing
    future_j = np.array([prospect.cost for prospect in prospects.members]) + monthly_loss(future, spec.objective)
    names = [*eligible.names, *(prospect.candidate for prospect in prospects.members)]
    p_best, regret = _probabilities(names, np.concatenate([draws, future_j], axis=1), winner)
    return _MonthlyCosts(
        observed=observed,
        expected=expected,
        noise=noise,
        best=best,
        winner=winner,
        tied={eligible.names[i] for i in np.flatnonzero(best.members).tolist()} | {eligible.names[winner]},
        p_best=p_best,
        expected_regret=regret,
        loss_draws=losses,
        draws=draws,
    )


def _rows(eligible: _Eligible, costs: _MonthlyCosts, metric: Metric, spec: TaskSpec) -> list[Standing]:
    """The eligible candidates as rows of the decision: the winner, then the others by expected J."""
    observed, expected, winner = costs.observed, costs.expected, costs.winner
    lowest = int(np.argmin(observed))
    gaps = observed - observed[lowest]
    low, high = gaps + np.quantile(costs.noise - costs.noise[:, lowest, None], [0.025, 0.975], axis=0)
    reviews, unit = eligible.table.reviews, f"{spec.objective.currency} per month"
    n_items = len(eligible.members[0].answers)
    rows = []
    for i in sorted(range(len(eligible.members)), key=lambda i: (i != winner, expected[i], eligible.names[i])):
        name = eligible.names[i]
        status = "winner" if i == winner else "tied" if name in costs.tied else "raced"
        above = float(expected[i] - expected[winner])
        rows.append(
            replace(
                standing_of(eligible.members[i], status),
                score=_selected_score(eligible, i, metric, spec) if i == winner else _own_score(eligible, i, metric),
                review_below=reviews[i][0] if i in reviews else None,
                review_share=reviews[i][1] if i in reviews else 0.0,
                **_noises(eligible, i),
                J=float(observed[i]),
                expected_j=float(expected[i]),
                gap=Measured(float(gaps[i]), float(low[i]), float(high[i]), n_items, unit),
                p_value=None if i == lowest else float(costs.best.p_values[i]),
                p_best=costs.p_best[name],
                reason=_reason(status, above, spec, cheapest=winner != int(np.argmin(expected))),
            )
        )
    return rows


def _eligible(
    members: Sequence[Finished],
    gold: Sequence[Gold],
    metric: Metric,
    spec: TaskSpec,
    rule: LossRule | None,
    n_draws: int,
) -> _Eligible:
    table = loss_table(members, gold, metric, rule, seed=spec.seed)
    centred = (table.per_item - table.per_item.mean(axis=0)).astype(np.float32)
    centred[:, np.ptp(table.per_item, axis=0) == 0] = 0.0  # not the rounding of their mean
    rows = len(centred)
    noise = weighted_sums(bootstrap_weights(rows, n_draws, seed=spec.seed), centred) / np.float32(rows)
    noise *= np.float32((rows / max(rows - 1, 1)) ** 0.5)  # draws with replacement vary by (n - 1) / n too little
    posterior = shrink(table.losses, noise, n_items=len(gold) if table.bounded and len(gold) > 1 else 0, seed=spec.seed)
    errors = noise.std(axis=0)
    return _Eligible(
        members=members,
        table=table,
        losses=table.losses,
        costs=np.array([member.cost.total for member in members]),
        cost_errors=np.array([member.cost.error for member in members]) / normal_quantile(),
        noise=noise,
        step=1 / len(gold) if table.steps else 0.0,
        # A candidate that is right everywhere has no resampled error, but may err on other items.
        item_errors=np.where(errors > 0, errors, posterior.noise.std(axis=0)).astype(np.float64),
        posterior=posterior,
        names=[member.candidate.name for member in members],
    )


def _winner(eligible: _Eligible, expected: npt.NDArray[np.float64], indifference: float) -> int:
    """Position of the winner.

    The order is by expected J, then, within its own timing error of the lowest, by validation loss, parameters and
    name; within the user's margin by cost, parameters and name.
    """
    lowest = int(np.argmin(expected))
    size = [member.candidate.model.parameters for member in eligible.members]
    unresolved = normal_quantile() * np.hypot(eligible.cost_errors, eligible.cost_errors[lowest])
    equal = np.flatnonzero(expected - expected[lowest] <= unresolved).tolist()
    best = min(equal, key=lambda i: (eligible.losses[i], size[i], eligible.names[i]))
    near = np.flatnonzero(expected - expected[lowest] <= indifference).tolist() if indifference > 0 else []
    return min([best, *near], key=lambda i: (eligible.costs[i], size[i], eligible.names[i]))


def _loss_draws(
    eligible: _Eligible, prospects: Prospects, rng: np.random.Generator
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Draws of the losses from the posterior, errors by the training seed included.

    Returns:
        Those of the finished candidates, ``(n_draws, n_candidates)``, and of the prospects, ``(n_draws, n_prospects)``.
    """
    drawn = eligible.posterior.draws(rng)
    drawn = drawn + eligible.table.seed_errors * rng.standard_normal(drawn.shape)
    mean = np.array([max(prospect.loss, 1e-9) for prospect in prospects.members])
    spread = np.sqrt(np.log1p((np.array([prospect.spread for prospect in prospects.members]) / mean) ** 2))
    future = np.exp(np.log(mean) - spread**2 / 2 + spread * rng.standard_normal((len(drawn), len(mean))))
    max_loss = max(1.0, float(eligible.losses.max()))  # several errors in an item make more than 1
    joint = _jointly(eligible, prospects.prior, rng)
    if joint is not None and prospects.prior is not None:
        column = {name: place for place, name in enumerate(prospects.prior.names)}
        for table, names in ((drawn, eligible.names), (future, [prospect.candidate for prospect in prospects.members])):
            for place, name in enumerate(names):
                if name in column:
                    table[:, place] = np.minimum(joint[:, column[name]], max_loss)
    return drawn, np.minimum(future, max_loss)


def _jointly(eligible: _Eligible, prior: LossPrior | None, rng: np.random.Generator) -> npt.NDArray[np.float64] | None:
    """Draws of the candidates of the prior; ``None`` where it has no finished one, or losses are not those of the race
    because unsure answers are reviewed.
    """
    places = {name: place for place, name in enumerate(eligible.names)}
    both = [] if prior is None or eligible.table.reviews else [name for name in prior.names if name in places]
    if prior is None or not both:
        return None
    at = [places[name] for name in both]
    table, members = eligible.table, eligible.members
    seeds = [len(table.seed_losses[place]) if depends_on_seed(members[place].candidate) else 0 for place in at]
    measured = MeasuredLosses(
        places=np.array([prior.names.index(name) for name in both]),
        losses=eligible.losses[at],
        noise=eligible.noise[:, at],
        seeds=np.array(seeds),
        seed_spread=eligible.table.spread,
        n_items=len(eligible.members[0].answers),
        bounded=eligible.table.bounded,
    )
    return joint_draws(prior, measured, len(eligible.noise), rng)


def _probabilities(names: Sequence[str], drawn: Floats, winner: int) -> tuple[dict[str, float], float]:
    """P(lowest J) of every candidate, and the expected regret of the winner, from draws of J."""
    # Candidates whose draws are equal (the same answers, the same cost) share the probability.
    lowest = drawn.min(axis=1, keepdims=True)
    first = drawn <= lowest
    shares = (first / first.sum(axis=1, keepdims=True)).mean(axis=0)
    return dict(zip(names, shares.tolist(), strict=True)), float((drawn[:, winner] - lowest[:, 0]).mean())


def _noises(eligible: _Eligible, position: int) -> dict[str, Any]:
    """How far a candidate's loss may be off: by the items and by the training seeds, separately."""
    seeds = eligible.table.seed_losses[position]
    loss = float(eligible.losses[position])
    return {
        "item_error": float(eligible.item_errors[position]),
        "seed_error": float(eligible.table.seed_errors[position]),
        "seed_losses": seeds if len(seeds) > 1 else (),
        "seed_noise": eligible.table.spread.error(loss, 1) if len(seeds) > 1 else None,
    }


def _mean_score(member: Finished) -> Measured:
    """Mean over the seeds, ends of the intervals included: it covers the choice of items only."""
    if not member.further:
        return member.trial.score
    scores = [run.trial.score for run in member.runs()]
    value, low, high = (float(np.mean([getattr(score, key) for score in scores])) for key in ("value", "low", "high"))
    return replace(scores[0], value=value, low=low, high=high)


def _own_score(eligible: _Eligible, position: int, metric: Metric) -> Measured:
    """A candidate's validation score; of a share with Wilson's interval, which earlier versions did not record."""
    score = _mean_score(eligible.members[position])
    if not eligible.table.is_share or score.n < 1:
        return score
    worst, best = metric.RANGE if metric.HIGHER_IS_BETTER else metric.RANGE[::-1]
    loss, z = float(loss_of(metric, score.value)), normal_quantile()
    ends = sorted(best + (worst - best) * wilson_end(loss, score.n, side) for side in (-z, z))
    return replace(score, low=min(ends[0], score.value), high=max(ends[1], score.value))


def _selected_score(eligible: _Eligible, winner: int, metric: Metric, spec: TaskSpec) -> Measured:
    """The winner's validation score with an interval that allows for its having been selected."""
    score = _own_score(eligible, winner, metric)
    alpha, n = spec.objective.alpha, score.n
    if alpha <= 0 or len(eligible.members) < 2 or n < 2:
        return score
    z = selection_error(
        eligible.noise, eligible.posterior, eligible.costs / alpha, n_items=n if eligible.step else 0, seed=spec.seed
    )
    worst, best = metric.RANGE if metric.HIGHER_IS_BETTER else metric.RANGE[::-1]
    if eligible.table.is_share:
        loss = float(loss_of(metric, score.value))
        end = best + (worst - best) * wilson_end(loss, n, z)
    else:
        side = score.low if metric.HIGHER_IS_BETTER else score.high
        end = score.value + (side - score.value) * z / normal_quantile()
    low, high = min(score.low, end), max(score.high, end)
    return replace(score, low=max(low, min(metric.RANGE)), high=min(high, max(metric.RANGE)))


def _loss_noise(eligible: _Eligible, best: BestSet, ranges: Sequence[AlphaRange], expected: Floats) -> LossNoise:
    """Pairwise errors of the candidates that are best for some α, then of those with the lowest expected J."""
    position = {name: i for i, name in enumerate(eligible.names)}
    order = [position[interval.candidate] for interval in ranges] + np.argsort(expected, kind="stable").tolist()
    shown = list(dict.fromkeys(order))[:_MAX_ON_PAGE]
    errors = paired_errors(eligible.noise[:, shown])
    return LossNoise(
        candidates=tuple(eligible.names[i] for i in shown),
        standard_errors=tuple(tuple(round(float(error), 9) for error in row) for row in errors),
        critical=best.critical,
        step=eligible.step,
    )


def _within_limits(finished: Sequence[Finished], spec: TaskSpec) -> tuple[list[Finished], list[tuple[Finished, str]]]:
    within: list[Finished] = []
    beyond: list[tuple[float, Finished, str]] = []
    for standing in finished:
        broken = broken_limit(standing.footprint, standing.trial.score.value, spec.limits, spec.serving)
        if broken is None:
            within.append(standing)
        else:
            beyond.append((broken[1], standing, broken[0]))
    if not within:
        factor, nearest, reason = min(beyond, key=lambda three: three[0])
        raise LimitError(
            f"no candidate meets the limits; the nearest is {nearest.candidate.name} ({reason}; "
            f"{factor:,.2f} times over). "
            "Loosen that limit; for a search in the task file, then pass --resume."
        )
    return within, [(candidate, reason) for _, candidate, reason in beyond]


def standing_of(finished: Finished, status: str) -> Standing:
    """A finished candidate as a row of the decision, without what only a comparison shows."""
    model = finished.candidate.model
    return Standing(
        candidate=finished.candidate.name,
        family=model.family,
        model=model.name,
        method=finished.candidate.method,
        status=status,
        reason="",
        parameters=model.parameters,
        licence=model.licence,
        share=finished.trial.share,
        seconds=finished.seconds,
        score=finished.trial.score,
        footprint=finished.footprint,
        cost=finished.cost,
        usage=finished.usage,
        compressed=finished.steps,
        schedule_share=finished.trial.schedule_share,
    )


def _reason(status: str, above: float, spec: TaskSpec, *, cheapest: bool) -> str:
    currency = spec.objective.currency
    if status == "winner":
        if not cheapest:
            return "lowest expected J"
        if spec.objective.indifference > 0:
            return f"cheapest within {spec.objective.indifference:g} {currency} a month of the lowest expected J"
        return "lowest loss of those whose J differs by less than the timing error"
    behind = f"expected J is {above:.4g} {currency} a month above the winner's"
    return f"{behind}, which these items cannot tell from none" if status == "tied" else behind
