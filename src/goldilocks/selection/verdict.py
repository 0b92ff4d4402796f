"""The verdict: whether the winner is better than trivial baselines and the user's incumbent.

The winner must be better than every baseline of the task (``evaluation/trivial_baselines.py``) and than the user's
incumbent: a one-sided permutation test at 5 % on the losses of the same validation items, corrected for the selection
among the candidates (``support/scoring/permutation.py``). And its score must be better than the task's floor
(``protocols.HasFloors``). Where a person may review unsure answers, a person who answers everything is a baseline too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from goldilocks.evaluation.error_cost import LossRule
from goldilocks.evaluation.pseudo_values import pseudo_values
from goldilocks.evaluation.score import loss_of, score
from goldilocks.evaluation.trivial_baselines import CONSTANT, INCUMBENT, RANDOM, BaselineAnswers, random_losses
from goldilocks.protocols import HasFloors, Task
from goldilocks.records import Answer, Comparison, Gold, Objective, Verdict, in_words
from goldilocks.selection.decide import Choice
from goldilocks.selection.loss_table import Finished
from goldilocks.support.scoring.permutation import selected_p

LEVEL = 0.05
FLOOR, REVIEW = "floor", "review"
_POWER = 0.8
_FAULTLESS = 0.01
"""Loss of a winner up to which more training rows would improve nothing."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """One baseline on the validation items."""

    name: str
    answers: str
    """What it answers, for the user."""
    losses: npt.NDArray[np.float64]
    """Loss of each item (or group of items), in the rows of ``Choice.item_losses``."""
    loss: float


@dataclass(frozen=True, slots=True)
class VerdictContext:
    """What a verdict is reached from, in addition to the choice."""

    task: Task
    metric_name: str
    gold: Sequence[Gold]
    rule: LossRule
    objective: Objective
    baselines: BaselineAnswers
    needs: Sequence[str] = ()
    """What could make a useful model, as far as the run tells; labels come on top."""
    seed: int = 0


def verdict_on(choice: Choice, finished: Sequence[Finished], context: VerdictContext) -> Verdict:
    """Whether the winner of a choice is of any use.

    Args:
        choice: Among ``finished``.
        finished: All candidates that ran to the end.
        context: Task, prices, baselines.
    """
    answers = {standing.candidate.name: standing.answers for standing in finished}
    members = [answers[name] for name in choice.names]
    losses, baselines = _on_one_table(choice, members, context)
    winner = choice.names.index(choice.winner.candidate)
    winner_loss = _own_loss(choice, losses, winner, context)
    comparisons = tuple(
        Comparison(
            baseline.name,
            baseline.answers,
            baseline.loss,
            winner_loss,
            selected_p(baseline.losses[:, None] - losses, winner, seed=context.seed),
        )
        for baseline in baselines
    )
    floor = _below_floor(choice, context)
    if floor:
        return Verdict(
            False, FLOOR, floor, (*context.needs, *_labels_needed(None, len(context.gold), winner_loss)), comparisons
        )
    if not comparisons:
        return Verdict(True, "", "the task has no baselines to compare it with")
    worst = _not_beaten(comparisons)
    if worst is None:
        strongest = min(comparisons, key=lambda comparison: (comparison.loss, comparison.baseline))
        reason = f"{_compared(strongest, context)} (p = {strongest.p_value:.2g})"
        return Verdict(True, strongest.baseline, reason, (), comparisons)
    gains = next(baseline.losses for baseline in baselines if baseline.name == worst.baseline) - losses[:, winner]
    chance = f", which chance explains (p = {worst.p_value:.2g})" if worst.winner_loss < worst.loss else ""
    reason = f"{_compared(worst, context)}{chance}"
    needs = (*context.needs, *_labels_needed(gains, len(context.gold), winner_loss))
    return Verdict(False, worst.baseline, reason, needs, comparisons)


def _not_beaten(comparisons: Sequence[Comparison]) -> Comparison | None:
    """The baseline that the winner is not better than: the incumbent first, else the least beaten one."""
    open_ = [comparison for comparison in comparisons if comparison.p_value > LEVEL]
    return max(open_, key=lambda comparison: (comparison.baseline == INCUMBENT, comparison.p_value), default=None)


def _on_one_table(
    choice: Choice, members: Sequence[Sequence[Answer]], context: VerdictContext
) -> tuple[npt.NDArray[np.float64], list[Baseline]]:
    """Losses of the candidates, ``(n_rows, n_candidates)``, and the baselines' on the same rows."""
    given, rule, gold = context.baselines, context.rule, context.gold
    if rule.count is not None:
        return choice.item_losses, _counted(given, rule, gold, context.seed)
    names = list(given.answers)
    if not names:
        return choice.item_losses, []
    metric = rule.metric
    baseline_answers = [given.answers[name] for name in names]
    losses, table = (
        choice.item_losses,
        loss_of(metric, pseudo_values(metric, gold, baseline_answers, seed=context.seed)),
    )
    if len(table) != len(losses):  # one of the two was too wide a table: groups of items for both
        both = loss_of(metric, pseudo_values(metric, gold, [*members, *baseline_answers], seed=context.seed))
        losses, table = both[:, : len(members)], both[:, len(members) :]
    total_losses = [float(loss_of(metric, score(metric, gold, answers))) for answers in baseline_answers]
    table = np.where(np.isfinite(table), table, total_losses)
    return losses, [
        Baseline(name, given.notes.get(name, name), table[:, column], total_losses[column])
        for column, name in enumerate(names)
    ]


def _counted(given: BaselineAnswers, rule: LossRule, gold: Sequence[Gold], seed: int) -> list[Baseline]:
    """Baselines of a task whose errors are counted; with labels the constant answer is the one that costs least."""
    assert rule.count is not None
    answers, notes = dict(given.answers), dict(given.notes)
    if given.values and CONSTANT in answers:
        value = _cheapest_value(given, rule)
        answers[CONSTANT] = (value,) * len(gold)
        notes[CONSTANT] = f"always answering {in_words(value)!r}" if value else "always answering nothing"
    losses = {name: rule.count(gold, values) for name, values in answers.items()}
    if given.random:
        by_value = np.stack([rule.count(gold, [value] * len(gold)) for value in given.values], axis=1)
        losses[RANDOM] = random_losses(by_value, given.shares, seed=seed)
    if rule.review is not None:
        losses[REVIEW], notes[REVIEW] = np.full(len(gold), rule.review), "a person answering everything"
    return [Baseline(name, notes.get(name, name), own, float(own.mean())) for name, own in losses.items()]


def _cheapest_value(given: BaselineAnswers, rule: LossRule) -> Answer:
    """The training answer that costs least where it is given to every training row; the more frequent of equals."""
    assert rule.count is not None
    shares = np.asarray(given.shares)
    gold: list[Any] = list(given.values)
    costs = [float(shares @ rule.count(gold, [value] * len(gold))) for value in given.values]
    return given.values[int(np.argmin(costs))]


def _own_loss(choice: Choice, losses: npt.NDArray[np.float64], winner: int, context: VerdictContext) -> float:
    if context.rule.count is not None or choice.winner.score is None:
        return float(losses[:, winner].mean())
    return float(loss_of(context.rule.metric, choice.winner.score.value))


def _below_floor(choice: Choice, context: VerdictContext) -> str:
    """Why the winner's score is of no use whatever the baselines; empty if it is not."""
    floors: Mapping[str, float] = context.task.FLOORS if isinstance(context.task, HasFloors) else {}
    floor, own = floors.get(context.metric_name), choice.winner.score
    if floor is None or own is None:
        return ""
    metric = context.rule.metric
    better = own.value > floor if metric.HIGHER_IS_BETTER else own.value < floor
    if better:
        return ""
    return f"its {context.metric_name} is {own.value:.3f}, and a useful model must be better than {floor:g}"


def _compared(comparison: Comparison, context: VerdictContext) -> str:
    """The two losses in the unit that the user knows."""
    rule, objective = context.rule, context.objective
    if rule.count is None:
        metric, (low, high) = rule.metric, rule.metric.RANGE
        values = [
            (high - loss * (high - low)) if metric.HIGHER_IS_BETTER else low + loss * (high - low)
            for loss in (comparison.winner_loss, comparison.loss)
        ]
        return f"{context.metric_name} {values[0]:.3f} against {values[1]:.3f} by {comparison.answers}"
    if objective.error_costs:
        costs = [f"{loss * objective.unit_cost:.4g}" for loss in (comparison.winner_loss, comparison.loss)]
        return f"errors cost {costs[0]} {objective.currency} a request against {costs[1]} by {comparison.answers}"
    errors = f"{comparison.winner_loss:.3f} errors per request ({rule.what})"
    return f"{errors} against {comparison.loss:.3f} by {comparison.answers}"


def _labels_needed(gains: npt.NDArray[np.float64] | None, n_items: int, loss: float) -> tuple[str, ...]:
    """More labels: to prove a difference that is there, or to learn from where the winner's ``loss`` leaves room."""
    learn: tuple[str, ...] = (
        () if loss <= _FAULTLESS else ("labels: check that the input determines them, and add training rows",)
    )
    spread = float(gains.std()) if gains is not None else 0.0
    mean = float(gains.mean()) if gains is not None else 0.0
    if gains is None or spread <= 0 or mean <= 0:
        return learn
    # z of a one-sided test at 5 % plus that of the power wanted.
    required = math.ceil(((1.645 + 0.842) * spread / mean) ** 2 * n_items / len(gains))
    if required > 50 * n_items:
        return learn
    if required <= n_items:
        required = 2 * n_items
    return (
        f"labels: about {required:,} validation rows would show a difference this large ({_POWER:.0%} power)",
        *learn,
    )


def headline(verdict: Verdict) -> str:
    """The first sentences of a decision whose winner is of no use; empty where it is of use.

    Example:
        >>> headline(Verdict(False, "constant", "no fewer errors", ("labels: add some",)))
        'No candidate is better than the baseline (constant): no fewer errors. What would help: labels: add some.'
    """
    if verdict.useful:
        return ""
    needs = f" What would help: {'; '.join(verdict.needs)}." if verdict.needs else ""
    if verdict.against == INCUMBENT:
        return f"Keep the incumbent, no candidate is better: {verdict.reason}.{needs}"
    if verdict.against == FLOOR:
        return f"No candidate is of use: {verdict.reason}.{needs}"
    return f"No candidate is better than the baseline ({verdict.against}): {verdict.reason}.{needs}"
