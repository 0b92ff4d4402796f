"""A model on one part of the data, from every side: metrics with intervals, classes, confusion, slices, errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from goldilocks import plugins
from goldilocks.evaluate.classes import class_rows, confusion, worst_errors
from goldilocks.evaluate.score import measured
from goldilocks.evaluate.slices import slices
from goldilocks.protocols import Floats
from goldilocks.records import Evaluation, Part

_ERRORS_SHOWN = 25


def evaluate(
    probabilities: Floats,
    part: Part,
    labels: Sequence[str],
    metric: str,
    metrics: Sequence[str],
    *,
    name: str,
    language_of: Callable[[str], str],
    data_fingerprint: str,
    seed: int = 0,
) -> Evaluation:
    """Score answers.

    Args:
        probabilities: The model's, shape ``(n_texts, n_labels)``.
        part: Texts and right answers; labels the model does not know count as wrong.
        labels: Of the columns.
        metric: The metric that decides.
        metrics: Further ones to report.
        name: What the part is called in tables.
        language_of: Text -> BCP 47 tag, for the slices.
        data_fingerprint: Of the data the part belongs to.
        seed: Of the resampling.

    Raises:
        InputError: there are no rows, or the shapes do not fit.
    """
    answers = [labels[column] for column in probabilities.argmax(1)]
    named = dict.fromkeys((metric, *metrics))
    scores = {one: measured(plugins.load("metrics", one), part.gold, answers, seed=seed) for one in named}
    every_label = sorted({*labels, *part.gold})
    return Evaluation(
        metric=metric,
        score=scores[metric],
        scores=scores,
        classes=class_rows(part.gold, answers, every_label),
        labels=tuple(every_label),
        confusion=tuple(tuple(row) for row in confusion(part.gold, answers, every_label).tolist()),
        slices=slices(part.texts, part.gold, answers, plugins.load("metrics", metric), language_of, seed=seed),
        errors=worst_errors(part.texts, part.gold, probabilities, labels, _ERRORS_SHOWN, rows=part.rows),
        part=name,
        data_fingerprint=data_fingerprint,
    )
