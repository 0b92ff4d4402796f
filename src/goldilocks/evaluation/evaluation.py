"""A model on one part of the data, from every side: metrics with intervals, classes, confusion, slices, errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from goldilocks import plugins
from goldilocks.answers import Answers
from goldilocks.evaluation.calibration import calibration
from goldilocks.evaluation.classes import by_sentence, class_rows, confusion, entity_rows, worst_errors
from goldilocks.evaluation.passages import ErrorContext, TokenLikelihoods
from goldilocks.evaluation.score import measured
from goldilocks.evaluation.slices import slices
from goldilocks.protocols import ReportsConditions
from goldilocks.records import Answer, EntityRow, Evaluation, Goal, Gold, Output, Part, labels_of
from goldilocks.support.text.iob2 import spells_entities

_ERRORS_SHOWN = 25


@dataclass(frozen=True, slots=True)
class ErrorAnalysis:
    """What slices and passages of wrong answers are made from, in addition to the answers."""

    language_of: Callable[[str], str]
    """Text -> BCP 47 tag, for the slices."""
    roles: Sequence[str] = ()
    """``Task.READS``, for the passages."""
    token_likelihoods: TokenLikelihoods | None = None
    """Token log-likelihoods of the model, where it has them (``protocols.SupportsTokenLikelihoods``)."""


def evaluate(
    answers: Answers,
    part: Part,
    goal: Goal,
    metrics: Sequence[str],
    *,
    source: tuple[str, str],
    analysis: ErrorAnalysis,
    seed: int = 0,
) -> Evaluation:
    """Score answers.

    Args:
        answers: The model's.
        part: Items and gold answers; labels the model does not know count as wrong.
        goal: What the model was asked for.
        metrics: File names in metrics/; the first decides, the others are reported too.
        source: What the part is called in tables, and the fingerprint of the data it belongs to.
        analysis: For slices and passages.
        seed: Seed of the resampling.

    Raises:
        InputError: there are no rows, or not one answer for each.
    """
    named = {name: plugins.load("metrics", name) for name in dict.fromkeys(metrics)}
    metric, (part_name, data_fingerprint) = metrics[0], source
    scores = {name: measured(value, part.gold, answers.values, seed=seed) for name, value in named.items()}
    gold, given = _single(part.gold, answers.values, goal)
    sentences = by_sentence(part, answers)
    context = ErrorContext(goal, named[metric], analysis.roles, analysis.token_likelihoods)
    every_label = sorted({*goal.labels, *gold, *given}) if gold else []
    return Evaluation(
        metric=metric,
        score=scores[metric],
        scores=scores,
        classes=class_rows(gold, given, every_label),
        labels=tuple(every_label),
        confusion=tuple(tuple(row) for row in confusion(gold, given, every_label).tolist()),
        slices=slices(part.texts, part.gold, answers.values, named[metric], analysis.language_of, seed=seed),
        errors=worst_errors(*sentences, named[metric], _ERRORS_SHOWN, context),
        part=part_name,
        data_fingerprint=data_fingerprint,
        conditions={
            name: value.conditions(part.gold) for name, value in named.items() if isinstance(value, ReportsConditions)
        },
        calibration=calibration(answers, part.gold, goal, seed=seed),
        unanswered=sum(map(bool, answers.problems)),
        entities=_entities(*sentences, goal),
    )


def _entities(part: Part, answers: Answers, goal: Goal) -> tuple[EntityRow, ...]:
    if goal.output is not Output.TAGS or not spells_entities(goal.labels):
        return ()
    gold, given = ([labels_of(value, goal.output) for value in values] for values in (part.gold, answers.values))
    return entity_rows(gold, given)


def _single(gold: Sequence[Gold], answers: Sequence[Answer], goal: Goal) -> tuple[list[str], list[str]]:
    """Right and given labels one by one, for tables of classes: those of the items, or of their words; else nothing."""
    if goal.one_label:
        return [str(answer) for answer in gold], [str(answer) for answer in answers]
    if goal.output is Output.TAGS:
        pairs = [
            (labels_of(right, goal.output), labels_of(given, goal.output))
            for right, given in zip(gold, answers, strict=True)
        ]
        return [tag for right, _ in pairs for tag in right], [tag for _, given in pairs for tag in given]
    return [], []
