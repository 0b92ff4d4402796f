"""Errors and their costs: the one place that converts answers to a loss in money.

| output | one error | price |
|---|---|---|
| label | a wrong label | ``error_cost``, or the pair's own (``error_costs``) |
| several labels | a set that is not exactly right | ``error_cost`` |
| tags | a missed or a spurious entity (a wrong type is both), or a wrong token (``CountsErrors``) | ``error_cost`` |
| span | no exact match | ``error_cost`` |
| ranking | a first item that is not relevant | ``error_cost`` |
| other | a hundredth of the metric's range that is missing | ``point_cost`` |

A loss is in units of ``Objective.unit_cost``: the mean number of errors of a request (of several entities it may exceed
1), with a matrix the mean cost over that of the most expensive kind of error. The displayed metric has no part in it,
except where there are no errors to count.

*Review.* With ``review_cost`` an unsure answer goes to a person. The threshold of certainty is the one with the lowest
mean cost; the loss is cross-fitted: items are priced under the threshold that the other folds choose.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from goldilocks import plugins
from goldilocks.answers import Answers, by_rule, certainty
from goldilocks.errors import InputError
from goldilocks.evaluation.score import item_values, loss_of, score
from goldilocks.protocols import CountsErrors, Floats, Metric, Task
from goldilocks.records import Answer, AnswerRule, Goal, Gold, Objective, Output
from goldilocks.support.suggest import suggest
from goldilocks.support.text.iob2 import entity_counts

FOLDS = 5
Counter = Callable[[Sequence[Any], Sequence[Any]], npt.NDArray[np.float64]]
"""Gold and predicted answers -> errors of each item, ``(n_items,)``."""


@dataclass(frozen=True, slots=True)
class LossRule:
    """How answers to the items of a task are priced."""

    what: str
    """One error, for the user: ``a wrong label``."""
    count: Counter | None
    """``None``: there are no errors to count, the metric's loss is the loss."""
    metric: Metric
    """The metric that decides."""
    labels: tuple[str, ...] = ()
    answer_rule: AnswerRule = field(default_factory=AnswerRule)
    """With the matrix, without a threshold of review: that is each candidate's own."""
    max_loss: float = 1.0
    """Largest loss that a request can have; infinite where it can have any number of errors."""
    review: float | None = None
    """Cost of a review in units of loss; ``None``: no review."""

    def answers(self, answers: Answers) -> Answers:
        """A model's answers as they are used: with a matrix those of the lowest expected cost."""
        return by_rule(answers, self.answer_rule)

    def item_losses(self, gold: Sequence[Gold], predicted: Sequence[Answer]) -> npt.NDArray[np.float64]:
        """Loss of each item, ``(n_items,)``; of a metric that is not a mean of items, the metric on each item alone."""
        if self.count is not None:
            return self.count(gold, predicted)
        return loss_of(self.metric, item_values(self.metric, gold, predicted))

    def loss(self, gold: Sequence[Gold], answers: Answers) -> float:
        """Mean loss of a request, unsure answers reviewed where a review has a price."""
        if self.count is None:
            return float(loss_of(self.metric, score(self.metric, gold, answers.values)))
        losses = self.count(gold, answers.values)
        return float(self.reviewed(losses, certainty(answers, self.answer_rule)).losses.mean())

    def reviewed(self, losses: Floats, sure: Floats) -> ReviewedLosses:
        """The same losses with unsure answers reviewed.

        Args:
            losses: Losses of the items, ``(n_items,)``.
            sure: See ``answers.certainty``, ``(n_items,)``.
        """
        losses = np.asarray(losses, dtype=np.float64)
        if self.review is None or not np.isfinite(sure).any() or len(losses) < FOLDS:
            return ReviewedLosses(np.asarray(losses, dtype=np.float64), None, 0.0)
        priced = np.empty(len(losses))
        folds = np.random.default_rng(0).permutation(len(losses)) % FOLDS  # rows may come in an order
        for fold in range(FOLDS):
            in_fold = folds == fold
            bar = threshold(losses[~in_fold], sure[~in_fold], self.review)
            priced[in_fold] = np.where(sure[in_fold] < bar, self.review, losses[in_fold])
        bar = threshold(losses, sure, self.review)
        if not np.isfinite(bar):
            return ReviewedLosses(priced, None, 0.0)
        return ReviewedLosses(priced, float(bar), float(np.mean(sure < bar)))


@dataclass(frozen=True, slots=True)
class ReviewedLosses:
    """What review makes of a candidate's losses."""

    losses: npt.NDArray[np.float64]
    """Loss of each item, cross-fitted."""
    below: float | None
    """Certainty below which an answer goes to a person; ``None``: none does."""
    share: float
    """Share of the items whose answers do."""


def threshold(losses: Floats, sure: Floats, review: float) -> float:
    """Certainty below which a review is cheaper than the errors made there; -inf where it never is.

    Example: the unsure answers cost 1 each, the sure ones nothing, a review .3.
        >>> threshold(np.array([1.0, 1.0, 0.0, 0.0]), np.array([0.1, 0.2, 0.8, 0.9]), 0.3)
        0.5
    """
    order = np.argsort(sure, kind="stable")
    ranked = sure[order]
    saved = np.concatenate([[0.0], np.cumsum(losses[order] - review)])  # by reviewing the k least sure
    cuts = np.concatenate([[True], ranked[1:] > ranked[:-1], [True]])  # equals are reviewed together
    best = int(np.argmax(np.where(cuts, saved, -np.inf)))
    if best == 0:
        return -np.inf
    return float((ranked[best - 1] + ranked[best]) / 2) if best < len(ranked) else float(ranked[-1]) + 1e-9


def loss_rule(objective: Objective, task: Task, goal: Goal, metric: Metric, gold: Sequence[Gold]) -> LossRule:
    """How the answers of a task are priced.

    Args:
        objective: Prices of errors.
        task: Says what an error is, where the kind of output does not.
        goal: Output and labels.
        metric: The metric that decides.
        gold: Gold answers: lists of scores are rankings.

    Raises:
        InputError: a price is of another kind of task, or names a label that does not exist; the nearest is named.
    """
    what, count = _error_of(task, goal, gold)
    if count is None:
        _refuse_error_prices(objective, what)
        return LossRule("a hundredth of the metric", None, metric)
    if objective.point_cost is not None:
        raise InputError(
            f"task file: objective.point_cost is for outputs without errors to count; here an error is {what}: write "
            "error_cost."
        )
    review = objective.review_cost
    in_units = review / objective.unit_cost if review is not None and objective.unit_cost > 0 else None
    max_loss = np.inf if goal.output is Output.TAGS else 1.0
    rule = LossRule(what, count, metric, goal.labels, max_loss=max_loss, review=in_units)
    return _with_matrix(rule, objective, goal) if objective.error_costs else rule


def _refuse_error_prices(objective: Objective, what: str) -> None:
    for key, given in (
        ("error_costs", bool(objective.error_costs)),
        ("review_cost", objective.review_cost is not None),
    ):
        if given:
            raise InputError(f"task file: objective.{key} needs errors to count, and {what} has none; leave it out.")


def _with_matrix(rule: LossRule, objective: Objective, goal: Goal) -> LossRule:
    if not goal.one_label:
        raise InputError(
            f"task file: objective.error_costs is for single labels; here an error is {rule.what}: write error_cost."
        )
    named = [*objective.error_costs, *(label for row in objective.error_costs.values() for label in row)]
    for label in named:
        if label not in goal.labels:
            shown = ", ".join(goal.labels[:10]) + (", …" if len(goal.labels) > 10 else "")
            raise InputError(
                f"task file: objective.error_costs names the label {label!r}, which is not in the data."
                f"{suggest(label, list(goal.labels))} There are: {shown}."
            )
    costs = tuple(
        tuple(
            0.0 if gold == label else objective.error_costs.get(gold, {}).get(label, objective.error_cost)
            for label in goal.labels
        )
        for gold in goal.labels
    )
    return replace(rule, count=_priced(costs, goal.labels, objective.unit_cost), answer_rule=AnswerRule(costs))


def _priced(costs: Sequence[Sequence[float]], labels: Sequence[str], unit: float) -> Counter:
    """Cost of each item over the most expensive error; an item without an answer costs the most expensive of its
    label.
    """
    table = np.asarray(costs, dtype=np.float64) / (unit or 1.0)
    table = np.concatenate([table, table.max(axis=1, keepdims=True)], axis=1)
    place = {label: i for i, label in enumerate(labels)}

    def count(gold: Sequence[Any], predicted: Sequence[Any]) -> npt.NDArray[np.float64]:
        rows = np.fromiter((place[label] for label in gold), dtype=np.intp, count=len(gold))
        columns = np.fromiter((place.get(label, len(labels)) for label in predicted), dtype=np.intp, count=len(gold))
        return np.asarray(table[rows, columns])

    return count


def _error_of(task: Task, goal: Goal, gold: Sequence[Gold]) -> tuple[str, Counter | None]:
    """What one error is, and what counts them."""
    if isinstance(task, CountsErrors):
        return task.ERROR, task.errors
    match goal.output:
        case Output.LABEL if goal.several:
            return "a set of labels that is not exactly right", _wrong_sets
        case Output.LABEL:
            return "a wrong label", _wrong
        case Output.TAGS:
            return "a missed or spurious entity", _entity_errors
        case Output.SPAN:
            return "an answer that is not an exact match", _inexact
        case Output.SCORE if len(gold) and isinstance(gold[0], tuple):
            return "a wrong first item", _wrong_first
        case _:
            return f"the output {goal.output}", None


def _wrong(gold: Sequence[Any], predicted: Sequence[Any]) -> npt.NDArray[np.float64]:
    pairs = zip(gold, predicted, strict=True)
    return np.fromiter((right != given for right, given in pairs), dtype=np.float64, count=len(gold))


def _wrong_sets(gold: Sequence[Any], predicted: Sequence[Any]) -> npt.NDArray[np.float64]:
    pairs = zip(gold, predicted, strict=True)
    return np.array([float(set(right) != set(given)) for right, given in pairs])


def _entity_errors(gold: Sequence[Any], predicted: Sequence[Any]) -> npt.NDArray[np.float64]:
    hits, n_predicted, n_gold = entity_counts(gold, predicted).astype(np.float64).T
    return np.asarray(n_predicted + n_gold - 2 * hits)


def _inexact(gold: Sequence[Any], predicted: Sequence[Any]) -> npt.NDArray[np.float64]:
    return np.asarray(1 - item_values(plugins.load("metrics", "span_exact_match"), gold, predicted), dtype=np.float64)


def _wrong_first(gold: Sequence[Any], predicted: Sequence[Any]) -> npt.NDArray[np.float64]:
    """Where nothing is relevant there is nothing to get wrong; of equal scores each is first equally often.

    Example:
        >>> _wrong_first([(1.0, 0.0), (0.0, 2.0), (0.0, 0.0)], [(0.5, 0.5), (0.1, 0.9), (1.0, 0.0)]).tolist()
        [0.5, 0.0, 0.0]
    """
    errors = np.zeros(len(gold))
    for item, (relevance, given) in enumerate(zip(gold, predicted, strict=True)):
        relevant, scores = np.asarray(relevance, dtype=np.float64) > 0, np.asarray(given, dtype=np.float64)
        if relevant.any():
            errors[item] = 1 - relevant[scores == scores.max()].mean()
    return errors
