"""The first screen of the report: the decision for somebody who decides about money, not about models.

Which candidate to take at which cost of an error, what it costs, how often it is wrong, how sure all that is. Sentences
are in ``templates/summary.html``; here are the numbers behind them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from goldilocks.records import Decision, ErrorRow, Evaluation, Finding, Measured, Severity, Standing
from goldilocks.report.words import NOTHING, number
from goldilocks.support.scoring.statistics import wilson
from goldilocks.support.text.translation import _

_EXAMPLES = 3
_UNCOUNTED = "a hundredth of the metric"
"""``Decision.error`` of outputs without errors to count."""
_SHARES_RIGHT = {
    "a wrong label": ("accuracy",),
    "a set of labels that is not exactly right": ("subset_accuracy",),
    "an answer that is not an exact match": ("span_exact_match",),
}
"""What one error is -> metrics that are the share of answers without one."""
_NEGLIGIBLE = 1e-3
"""Ranges that end below this share of the task's cost of an error are not listed one by one."""
_FAR = 10.0
"""A price that is wrong by more than this factor is not expected."""
_DECIDING = ("objective.error_cost", "objective.point_cost", "objective.requests_per_month")
"""Without these no one can say what an error costs in a month."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A range of the cost of an error, and the candidate to take there."""

    candidate: str
    label: str
    low: float
    high: float | None
    """Money per error (or per hundredth of the metric); ``None``: no upper end."""
    cost: float | None
    """Money per month to run it."""
    loss: float | None
    """Errors per request."""
    here: bool
    """Whether the task's cost of an error is in the range."""


@dataclass(frozen=True, slots=True)
class ErrorRate:
    """How many answers are wrong."""

    value: float
    low: float
    high: float
    """Errors per answer; ``low`` and ``high`` are equal to ``value`` where no interval is known."""
    n: int
    part: str
    """``test`` or ``validation``."""

    @property
    def base(self) -> int:
        """Number of answers per which errors are counted, so that at least about one is wrong: 100, 1,000 or 10,000."""
        value = self.value or self.high
        return next((base for base in (100, 1000) if value * base >= 0.95), 10_000)

    def of_base(self, share: float) -> str:
        """Errors in ``base`` answers.

        Example:
            >>> rate = ErrorRate(0.084, 0.07, 0.102, 900, "test")
            >>> rate.base, rate.of_base(rate.value), rate.of_base(rate.high)
            (100, '8.4', '10')
        """
        errors = share * self.base
        return number(errors, 2) if errors < 9.5 and abs(errors - round(errors)) > 0.15 else f"{round(errors):,}"


def values_assumed(decision: Decision) -> bool:
    """Whether the user did not state what an error, or a month of requests, amounts to."""
    return any(key in decision.assumed for key in _DECIDING)


def price_decides(decision: Decision) -> bool:
    """Whether a cost of an error within a factor of ``_FAR`` of the task's would change the answer."""
    starts = [interval.alpha_from for interval in decision.map[1:]]
    return decision.alpha <= 0 or any(decision.alpha / _FAR < start < decision.alpha * _FAR for start in starts)


def names(decision: Decision, labels: Mapping[str, str]) -> dict[str, str]:
    """Candidate -> name with its family, as ``word12 (naive_bayes)``; the full name has it already."""
    return {
        standing.candidate: label if label == standing.candidate else f"{label} ({standing.family})"
        for standing in decision.candidates
        for label in [labels.get(standing.candidate, standing.candidate)]
    }


def most_probable_unfinished(decision: Decision) -> Standing | None:
    """The candidate that more budget should finish first; ``None`` if all have finished."""
    stopped = [standing for standing in decision.candidates if standing.status == "stopped"]
    return max(stopped, key=lambda standing: standing.p_best or 0.0, default=None)


def useful(decision: Decision) -> bool:
    """Whether the winner is of use; decisions of earlier versions do not say otherwise."""
    return decision.verdict is None or decision.verdict.useful


def counts_errors(decision: Decision) -> bool:
    """Whether the outputs of the task are right or wrong, so that errors can be counted."""
    return decision.error != _UNCOUNTED


def price_unit(decision: Decision) -> float:
    """Loss whose price is shown: one error, or a hundredth of the metric."""
    return 1.0 if counts_errors(decision) else 0.01


def choices(decision: Decision, labels: Mapping[str, str], losses: Mapping[str, float]) -> list[Choice]:
    """The decision map in money per error, cheapest candidate first."""
    unit = price_unit(decision) / decision.objective.requests_per_month if decision.objective.requests_per_month else 0
    rows = {standing.candidate: standing for standing in decision.candidates}
    shown: list[Choice] = []
    for interval in decision.map:
        standing = rows.get(interval.candidate)
        upper = interval.alpha_to
        shown.append(
            Choice(
                interval.candidate,
                labels.get(interval.candidate, interval.candidate),
                interval.alpha_from * unit,
                None if upper is None else upper * unit,
                standing.cost.total if standing and standing.cost else None,
                losses.get(interval.candidate),
                interval.alpha_from <= decision.alpha and (upper is None or decision.alpha < upper),
            )
        )
    return shown


def listed(ranges: Sequence[Choice], here: float) -> tuple[int, list[Choice]]:
    """How many ranges are far below the task's cost of an error, and the others.

    Args:
        ranges: Cheapest candidate first.
        here: The task's cost of an error, in the unit of the ranges.
    """
    near = [choice for choice in ranges if choice.high is None or choice.high >= _NEGLIGIBLE * here or choice.here]
    left_out = len(ranges) - len(near)
    return (left_out, near) if left_out > 1 else (0, list(ranges))


def error_rate(decision: Decision, evaluation: Evaluation) -> ErrorRate | None:
    """Share of wrong answers, from the test set where it tells; ``None`` where errors cannot be counted."""
    if not counts_errors(decision):
        return None
    tested = evaluation.part if evaluation.score.n else ""
    for name in _SHARES_RIGHT.get(decision.error, ()):
        right = evaluation.scores.get(name)
        if tested and right is not None and right.n:
            return ErrorRate(1 - right.value, 1 - right.high, 1 - right.low, right.n, tested)
    if tested and decision.error in ("", "a wrong label") and evaluation.labels:
        n = sum(map(sum, evaluation.confusion))
        wrong = n - sum(row[i] for i, row in enumerate(evaluation.confusion))
        return ErrorRate(wrong / n, *wilson(wrong, n), n, tested) if n else None
    loss = observed_loss(decision, decision.winner)
    chosen = decision.winner.score
    return None if loss is None else ErrorRate(loss, loss, loss, chosen.n if chosen else 0, "validation")


def observed_loss(decision: Decision, standing: Standing) -> float | None:
    """Errors per request on the validation set, as they are part of J."""
    if standing.J is None or standing.cost is None or decision.alpha <= 0:
        return None
    return max((standing.J - standing.cost.total) / decision.alpha, 0.0)


def plain_quality(decision: Decision, evaluation: Evaluation) -> Measured | None:
    """The deciding metric of the winner, from the test set where there is one."""
    test = decision.test_score
    if test is not None and test.n:
        return test
    return decision.winner.score if decision.winner.score is not None else evaluation.score


def examples(errors: Sequence[ErrorRow], limit: int = _EXAMPLES) -> list[ErrorRow]:
    """A few errors to show: different pairs of right and wrong answer first."""
    different = list({(error.gold, error.predicted): error for error in reversed(errors)}.values())[::-1]
    rest = [error for error in errors if all(error is not other for other in different)]
    chosen = [*different, *rest][:limit]
    return sorted(chosen, key=lambda error: next(i for i, other in enumerate(errors) if other is error))


def data_warnings(findings: Sequence[Finding]) -> int:
    """Number of findings that are more than a remark."""
    return sum(finding.severity is not Severity.NOTE for finding in findings)


def chance_in_words(probability: float | None) -> str:
    """A probability as a word, after the calibrated terms of the IPCC (Mastrandrea et al. 2010, table 1).

    Example:
        >>> chance_in_words(0.97), chance_in_words(0.7), chance_in_words(0.4)
        ('very likely', 'likely', 'about as likely as not')
    """
    if probability is None or not math.isfinite(probability):
        return NOTHING
    words = (
        (0.99, _("virtually certain")),
        (0.9, _("very likely")),
        (0.66, _("likely")),
        (0.33, _("about as likely as not")),
        (0.1, _("unlikely")),
    )
    return next((word for minimum, word in words if probability >= minimum), _("very unlikely"))
