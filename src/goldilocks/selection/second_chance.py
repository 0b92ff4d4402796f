"""Candidates that compression may make the best: the winner, and those that lost on cost alone.

A candidate lost on cost alone where its validation loss is no higher than the winner's and its J is, or where it
violates a limit of latency, memory or size. Its compressed form takes its place in the decision; runs with further
seeds, which were not compressed, then do not count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from goldilocks.answers import Answers
from goldilocks.evaluation.score import loss_of, score
from goldilocks.protocols import Metric
from goldilocks.records import Candidate, Decision, Footprint, Pool, Standing, Trial
from goldilocks.selection.cost import cost
from goldilocks.selection.loss_money import monthly_loss
from goldilocks.selection.race_context import RaceContext
from goldilocks.selection.run_records import RunRecords

_SAME = 1e-9
"""Losses closer than this are equal."""


def second_chances(decision: Decision, pool: Pool, metric: Metric, limit: int) -> tuple[str, ...]:
    """The candidates to compress, the winner first, then by validation score.

    Args:
        decision: Without compression.
        pool: Says which candidates answer at an endpoint, where there is nothing to compress.
        metric: The one that decides.
        limit: Maximum number of them.
    """
    remote = {candidate.name for candidate in pool.candidates if candidate.model.remote}
    sign = 1.0 if metric.HIGHER_IS_BETTER else -1.0
    lost = [
        (-sign * standing.score.value, standing.candidate)
        for standing in decision.candidates
        if standing.score is not None and standing.footprint is not None and not standing.dropped
        if standing.candidate != decision.winner.candidate and _is_as_good(standing, decision.winner, sign)
    ]
    names = (decision.winner.candidate, *(name for _, name in sorted(lost)))
    return tuple(name for name in names if name not in remote)[:limit]


def _is_as_good(standing: Standing, winner: Standing, sign: float) -> bool:
    """Whether a candidate's loss is no higher than the winner's; beyond a limit, where it has no J, its score."""
    if standing.J is not None and winner.J is not None and standing.cost is not None and winner.cost is not None:
        return standing.J - standing.cost.total <= winner.J - winner.cost.total + _SAME
    assert standing.score is not None
    return winner.score is not None and sign * standing.score.value >= sign * winner.score.value - _SAME


def pricing(
    setting: RaceContext, candidate: Candidate, seconds: float
) -> Callable[[Answers, Footprint], tuple[float, float]]:
    """A function from a form's answers to the validation items and its footprint to (cost, J), money per month.

    Args:
        setting: Prices, gold answers, and how answers become loss.
        candidate: The candidate.
        seconds: What its tuning took.
    """
    gold, spec = setting.dataset.validation.gold, setting.spec

    def priced(answers: Answers, footprint: Footprint) -> tuple[float, float]:
        monthly = cost(seconds, footprint, spec, setting.machine, model=candidate.model).total
        if setting.rule is not None:
            loss = setting.rule.loss(gold, answers)
        else:
            loss = float(loss_of(setting.metric, score(setting.metric, gold, answers.values)))
        return monthly, monthly + float(monthly_loss(loss, spec.objective))

    return priced


def compressed_form(
    records: RunRecords, trial: Trial, footprint: Footprint
) -> tuple[Trial, Footprint, tuple[str, ...]]:
    """The last trial and the footprint of a candidate, and the compressors: of its compressed form where it has one."""
    record = records.compressed.get(trial.candidate)
    taken = record.compression.taken if record is not None else None
    if record is None or taken is None or taken.score is None or taken.footprint is None:
        return trial, footprint, ()
    loss = float(loss_of(records.metric, taken.score.value))
    form = replace(
        trial,
        score=taken.score,
        loss=loss,
        predictions=record.predictions,
        seconds=trial.seconds + record.seconds,
    )
    return form, taken.footprint, taken.steps
