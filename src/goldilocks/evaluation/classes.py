"""Per class: precision, recall, F1; the confusion matrix; the errors to inspect first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import cast

import numpy as np
import numpy.typing as npt

from goldilocks.answers import Answers, of_values
from goldilocks.errors import InputError
from goldilocks.evaluation.passages import ErrorContext, passages_of
from goldilocks.evaluation.score import item_values, loss_of
from goldilocks.protocols import Metric
from goldilocks.records import (
    Answer,
    ClassRow,
    EntityRow,
    ErrorRow,
    Gold,
    Output,
    Part,
    Text,
    as_text,
    in_words,
    labels_of,
)
from goldilocks.support.scoring.statistics import class_scores
from goldilocks.support.text.iob2 import entities, words_of
from goldilocks.support.text.sentences import SENTENCE_END, tagged_sentences


def confusion(gold: Sequence[str], predicted: Sequence[str], labels: Sequence[str]) -> npt.NDArray[np.int64]:
    """How often each label (row) is answered with each label (column), in the order of ``labels``.

    Raises:
        InputError: not one answer for each item, or a label that is not in ``labels``.
    """
    if len(gold) != len(predicted):
        raise InputError(f"{len(gold)} gold and {len(predicted)} predicted labels; both need one entry per item.")
    number = {label: i for i, label in enumerate(labels)}
    unknown = sorted({*gold, *predicted} - number.keys())
    if unknown:
        raise InputError(f"label {unknown[0]!r} is not among the labels; there are: {', '.join(labels)}.")
    table = np.zeros((len(labels), len(labels)), dtype=np.int64)
    np.add.at(table, ([number[answer] for answer in gold], [number[answer] for answer in predicted]), 1)
    return table


def class_rows(gold: Sequence[str], predicted: Sequence[str], labels: Sequence[str]) -> tuple[ClassRow, ...]:
    """Precision, recall and F1 of each label, in the order of ``labels``; a share of nothing is 0.

    Raises:
        InputError: not one answer for each item, or a label that is not in ``labels``.
    """
    scores = class_scores(confusion(gold, predicted, labels)).tolist()
    return tuple(
        ClassRow(label, precision, recall, f1, int(support))
        for label, (precision, recall, f1, support) in zip(labels, scores, strict=True)
    )


def worst_errors(
    part: Part, answers: Answers, metric: Metric, n: int = 20, context: ErrorContext | None = None
) -> tuple[ErrorRow, ...]:
    """The ``n`` worst answers: of labels the wrong ones the model was surest of, else those of the lowest score.

    They are where wrong labels in the data, unclear guidelines and true blind spots are found.

    Args:
        part: Items and gold answers.
        answers: The model's.
        metric: What an answer is worth.
        n: Maximum number of errors.
        context: For the passages of each; absent: they are left out.

    Raises:
        InputError: there is not one answer for each item.
    """
    if len(answers) != len(part):
        raise InputError(f"{len(part)} items and {len(answers)} answers; pass one answer for each item.")
    wrong = [i for i, (gold, given) in enumerate(zip(part.gold, answers.values, strict=True)) if given != gold]
    if Output.LABEL in metric.OUTPUTS:
        wrong.sort(key=lambda i: -np.nan_to_num(answers.scores[i]))  # NaN: there is no answer
    elif wrong:
        losses = _item_losses(part, answers, metric)
        wrong = sorted((i for i in wrong if losses[i] > 0), key=lambda i: -losses[i])
    return tuple(
        ErrorRow(
            row=part.rows[i] if part.rows else i + 1,
            text=as_text(part.texts[i]),
            gold=in_words(part.gold[i]),
            predicted=in_words(answers.values[i]),
            score=float(np.nan_to_num(answers.scores[i])),
            passages=passages_of(part.texts[i], part.gold[i], answers.values[i], context) if context else (),
        )
        for i in wrong[:n]
    )


def entity_rows(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> tuple[EntityRow, ...]:
    """Entities of each type, most frequent first.

    Args:
        gold: The right tags of each sentence, in IOB2.
        predicted: The model's, as many.
    """
    n_gold, n_predicted, hits = Counter[str](), Counter[str](), Counter[str]()
    for right, given in zip(gold, predicted, strict=True):
        right_entities, given_entities = set(entities(right)), set(entities(given))
        n_gold.update(entity[0] for entity in right_entities)
        n_predicted.update(entity[0] for entity in given_entities)
        hits.update(entity[0] for entity in right_entities & given_entities)
    kinds = sorted({*n_gold, *n_predicted}, key=lambda kind: (-n_gold[kind], kind))
    return tuple(EntityRow(kind, n_gold[kind], n_predicted[kind], hits[kind]) for kind in kinds)


def by_sentence(part: Part, answers: Answers) -> tuple[Part, Answers]:
    """Items of several sentences split into sentences, each with the number and the score of its item."""
    if not any(SENTENCE_END in item for item in part.texts if not isinstance(item, str)):
        return part, answers
    texts, gold, given, places = list[Text](), list[Gold](), list[Answer](), list[int]()
    for place, item in enumerate(part.texts):
        right, predicted = (labels_of(side[place], Output.TAGS) for side in (part.gold, answers.values))
        pairs = zip(tagged_sentences(words_of(item), right), tagged_sentences(words_of(item), predicted), strict=True)
        for (words, wanted), (_, answered) in pairs:
            texts.append(words)
            gold.append(wanted)
            given.append(answered)
            places.append(place)
    rows = tuple(part.rows[place] for place in places) if part.rows else ()
    return Part(tuple(texts), tuple(gold), rows), of_values(given, answers.scores[places])


def _item_losses(part: Part, answers: Answers, metric: Metric) -> npt.NDArray[np.float64]:
    """How bad each answer is: of numbers their distance from the right one (a correlation says nothing of one item)."""
    pairs = list(zip(part.gold, answers.values, strict=True))
    if all(isinstance(gold, float) and isinstance(given, float) for gold, given in pairs):
        return np.array([abs(cast(float, gold) - cast(float, given)) for gold, given in pairs])
    return loss_of(metric, item_values(metric, part.gold, answers.values))
