"""Average score, forgetting and backward transfer of a model that learns one data set after the other.

Source: Lopez-Paz & Ranzato 2017, "Gradient Episodic Memory for Continual Learning" (average accuracy, backward
transfer); Chaudhry et al. 2018, "Riemannian Walk for Incremental Learning" (forgetting).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Sequence
from dataclasses import dataclass, replace

import numpy as np

from goldilocks.answers import NO_LABEL
from goldilocks.errors import InputError
from goldilocks.evaluation.score import centred, draws, measured, score
from goldilocks.protocols import AveragesClasses, Floats, Metric
from goldilocks.records import Answer, DomainScore, Forgetting, Gold, Measured
from goldilocks.support.scoring.statistics import (
    bootstrap_weights,
    interval,
    normal_quantile,
    student_quantile,
    wilson,
)

_DRAWS = 1000


def average_score(scores: Floats) -> float:
    """Mean score over all data sets after the last one was learnt.

    Args:
        scores: ``(n_steps, n_steps)``: row i holds the scores on every data set after the i-th was learnt.

    Example:
        >>> average_score(np.array([[0.9, 0.5], [0.7, 0.8]]))
        0.75
    """
    return float(np.mean(_square(scores)[-1]))


def forgetting(scores: Floats) -> float:
    """Mean over all data sets but the last of the best earlier score minus the last one; higher scores are better.

    Args:
        scores: As for ``average_score``.

    Example:
        >>> round(forgetting(np.array([[0.9, 0.5, 0.5], [0.95, 0.8, 0.5], [0.7, 0.9, 0.6]])), 3)
        0.075
    """
    table = _square(scores)
    steps = len(table)
    # Of a data set only the scores since it was learnt count.
    lost = [float(np.max(table[at : steps - 1, at])) - float(table[-1, at]) for at in range(steps - 1)]
    return float(np.mean(lost)) if lost else 0.0


def backward_transfer(scores: Floats) -> float:
    """Mean over all data sets but the last of the last score minus that right after the data set was learnt.

    Args:
        scores: As for ``average_score``.

    Example:
        >>> round(backward_transfer(np.array([[0.9, 0.5], [0.7, 0.8]])), 3)
        -0.2
    """
    table = _square(scores)
    gained = [float(table[-1, at]) - float(table[at, at]) for at in range(len(table) - 1)]
    return float(np.mean(gained)) if gained else 0.0


def _square(scores: Floats) -> Floats:
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or not len(table):
        raise InputError(f"scores have shape {table.shape}; pass one row and one column for each data set.")
    return table


@dataclass(frozen=True, slots=True)
class DomainAnswers:
    """Answers before and after an update to the rows of one data set."""

    name: str
    old: bool
    gold: Sequence[Gold]
    before: Sequence[Answer]
    after: Sequence[Answer]
    unseen: bool = True
    """See ``records.DomainScore``."""
    labels: Collection[str] = ()
    """Labels, or tags, of the data set; another one is wrong, but no class of its own. Empty: no such limit."""

    def over_own_classes(self, metric: Metric) -> DomainAnswers:
        """The same with ``NO_LABEL`` for every label of a class that the data set does not have.

        A mean over classes would else count a score of 0 for each of these, however seldom it is given.
        """
        if not self.labels or not isinstance(metric, AveragesClasses):
            return self
        own = {"", *map(metric.class_of, self.labels)}
        before, after = (
            [_among(own, metric.class_of, answer) for answer in answers] for answers in (self.before, self.after)
        )
        return replace(self, before=before, after=after)


def _among(own: Container[str], class_of: Callable[[str], str], answer: Answer) -> Answer:
    if isinstance(answer, tuple):
        return tuple(str(label) if class_of(str(label)) in own else NO_LABEL for label in answer)
    return str(answer) if class_of(str(answer)) in own else NO_LABEL


def forgetting_of(metric: Metric, part: str, domains: Sequence[DomainAnswers], *, seed: int = 0) -> Forgetting:
    """Scores before and after an update, their average and what was forgotten, with 95% intervals.

    The intervals are over the choice of rows: of each data set the rows are drawn with replacement, the same for before
    and after. They say nothing of another training run.

    Args:
        metric: What is measured.
        part: ``validation`` or ``test``.
        domains: At least one, each with rows.
        seed: Seed of the resampling.

    Raises:
        InputError: a data set has no rows, or not one answer for each.
    """
    domains = [domain.over_own_classes(metric) for domain in domains]
    values, drawn = _resampled(metric, domains, seed)
    rows = [len(domain.gold) for domain in domains]
    widest = metric.RANGE[1] - metric.RANGE[0]
    scores = tuple(
        DomainScore(
            domain.name,
            domain.old,
            measured(metric, domain.gold, domain.before, seed=seed),
            measured(metric, domain.gold, domain.after, seed=seed),
            _with_interval(values[i, 1] - values[i, 0], drawn[i, 1] - drawn[i, 0], [rows[i]], widest),
            domain.unseen,
        )
        for i, domain in enumerate(domains)
    )
    old = [i for i, domain in enumerate(domains) if domain.old]
    sign = 1 if metric.HIGHER_IS_BETTER else -1
    lost, lost_drawn = sign * (values[:, 0] - values[:, 1]), sign * (drawn[:, 0] - drawn[:, 1])
    average = _with_interval(values[:, 1].mean(), drawn[:, 1].mean(0), rows, widest)
    low, high = np.clip((average.low, average.high), *metric.RANGE).tolist()
    return Forgetting(
        part,
        scores,
        replace(average, low=low, high=high),
        _with_interval(lost[old].mean(), lost_drawn[old].mean(0), [rows[i] for i in old], widest) if old else None,
    )


def _resampled(metric: Metric, domains: Sequence[DomainAnswers], seed: int) -> tuple[Floats, Floats]:
    """Scores before and after ``(n_domains, 2)``, and their resampled errors ``(n_domains, 2, n_draws)``."""
    # Fewer draws are made of a large data set: all take part in as many as there are of each.
    weights = [bootstrap_weights(len(domain.gold), _DRAWS, seed + i) for i, domain in enumerate(domains)]
    count = min(map(len, weights))
    values = np.array(
        [[score(metric, domain.gold, answers) for answers in (domain.before, domain.after)] for domain in domains]
    )
    drawn = np.stack(
        [
            [
                centred(draws(metric, domain.gold, answers, table[:count]), value)
                for answers, value in zip((domain.before, domain.after), pair, strict=True)
            ]
            for domain, table, pair in zip(domains, weights, values, strict=True)
        ]
    )
    return values, drawn


def _with_interval(value: float, drawn: Floats, rows: Sequence[int], widest: float) -> Measured:
    """The percentile interval of the bootstrap, widened as Student's distribution is wider than the normal one.

    Where no row differs between draws it is as wide as that of a share of which none of the rows was an example
    (Wilson); ``widest``: extent of the metric's range, which may be infinite.
    """
    value, fewest = float(value), min(rows)
    wider = student_quantile(fewest - 1) / normal_quantile() * (fewest / max(fewest - 1, 1)) ** 0.5
    low, high = (value + wider * (end - value) for end in interval(drawn))
    low, high = min(low, value), max(high, value)
    if np.isfinite(widest) and high - low <= 1e-9 * widest:
        half = widest * wilson(0, sum(rows))[1]
        low, high = value - half, value + half
    low, high = max(low, -widest), min(high, widest)  # no difference is larger than the range
    return Measured(value, low, high, sum(rows), "score")
