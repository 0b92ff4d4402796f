"""Predictions for a batch of items, column by column."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from goldilocks.records import Answer, AnswerRule, Goal, Output, Prediction, Text, labels_of
from goldilocks.support.text.cells import NO_LABEL as NO_LABEL
from goldilocks.support.text.iob2 import entities, in_one, spells_entities
from goldilocks.support.text.sentences import SENTENCE_END, sentences_of

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.integer[Any]]

SURE = 0.5
"""Probability from which a label is given where an item may have several."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers in the order of the items."""

    values: tuple[Answer, ...]
    scores: Floats
    """How sure the model is of each, 0 to 1, ``(n_items,)``; NaN where it does not say."""
    labels: tuple[str, ...] = ()
    """Labels of the columns of ``probabilities``."""
    probabilities: Floats = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))
    """``(n_items, n_labels)``, float32, for labels; a row sums to 1 unless an item may have several. Else empty."""
    items: tuple[Text, ...] = ()
    """What a bundle was asked for ``tags``; of rankings without given candidates the context and the replies that were
    ranked, ``""`` of others. Else empty."""
    spans: tuple[tuple[tuple[int, int], ...], ...] = ()
    """Where the words of each of ``items`` that is a text are in it (see ``Prediction.spans``)."""
    problems: tuple[str, ...] = ()
    """Why an item has no answer, ``""`` where it has one; empty: all have."""
    reviews: tuple[bool, ...] = ()
    """Whether each answer goes to a person; empty: none does."""

    def __len__(self) -> int:
        return len(self.values)

    def predictions(self) -> list[Prediction]:
        """One record for each item."""
        if any(self.reviews):
            others = replace(self, reviews=()).predictions()
            return [replace(other, review=review) for other, review in zip(others, self.reviews, strict=True)]
        if any(self.problems):
            others = replace(self, problems=()).predictions()
            return [replace(other, error=why) for other, why in zip(others, self.problems, strict=True)]
        if self.items:
            rows = zip(self.values, self.scores, self.items, self.spans, strict=True)
            return [Prediction(value, float(score), {}, item, spans) for value, score, item, spans in rows]
        if not self.labels:
            return [Prediction(value, float(score)) for value, score in zip(self.values, self.scores, strict=True)]
        table = self.probabilities.tolist()
        return [
            Prediction(value, float(score), dict(zip(self.labels, row, strict=True)))
            for value, score, row in zip(self.values, self.scores, table, strict=True)
        ]


def of_labels(probabilities: Floats, labels: Sequence[str], *, several: bool = False) -> Answers:
    """Answers from the probability of each label.

    Args:
        probabilities: ``(n_items, n_labels)``; a row of NaN is an item without an answer, which gets ``NO_LABEL`` and a
            problem.
        labels: Labels of the columns.
        several: An item gets every label that is at least ``SURE``, instead of the most probable one. How sure the
            model is of such a set is the probability of its least sure decision.
    """
    probabilities = np.asarray(probabilities, dtype=np.float32)
    if several:
        given = probabilities >= SURE
        values: tuple[Answer, ...] = tuple(tuple(labels[i] for i in np.flatnonzero(row).tolist()) for row in given)
        sure = np.where(given, probabilities, 1 - probabilities)
        scores = sure.min(1) if len(labels) else np.ones(len(probabilities), np.float32)
    else:
        best: npt.NDArray[np.intp] = probabilities.argmax(1) if len(probabilities) else np.zeros(0, dtype=np.intp)
        values = tuple(labels[column] for column in best.tolist())
        scores = probabilities[np.arange(len(best)), best]
    missing = np.isnan(probabilities).min(axis=1, initial=True) if len(labels) else np.zeros(0, dtype=np.bool_)
    if missing.any():
        none: Answer = (NO_LABEL,) if several else NO_LABEL
        values = tuple(none if gone else value for gone, value in zip(missing.tolist(), values, strict=True))
        scores = np.where(missing, np.float32(np.nan), scores)
    problems = tuple(_UNANSWERED if gone else "" for gone in missing.tolist()) if missing.any() else ()
    return Answers(values, scores, tuple(labels), probabilities, problems=problems)


_UNANSWERED = "the model gave no answer"
"""The problem of an item without an answer of which no more is known."""


def by_rule(answers: Answers, rule: AnswerRule) -> Answers:
    """The answers that a rule makes of a model's probabilities and confidences.

    Example: wrong alarms cost 1, what is missed costs 9, so an alarm is right from a probability of 1 in 10.
        >>> given = of_labels(np.array([[0.8, 0.2], [0.95, 0.05]]), ("fine", "fraud"))
        >>> by_rule(given, AnswerRule(error_costs=((0.0, 1.0), (9.0, 0.0)))).values
        ('fraud', 'fine')
    """
    if rule.error_costs and len(answers.labels) == len(rule.error_costs):
        probabilities = np.asarray(answers.probabilities, dtype=np.float64)
        expected = probabilities @ np.asarray(rule.error_costs)
        # The more probable of labels with the same expected cost.
        best = np.argmin(expected - 1e-9 * probabilities, axis=1) if len(expected) else np.zeros(0, dtype=np.intp)
        known: npt.NDArray[np.bool_] = np.logical_not(np.isnan(probabilities).any(axis=1))
        values = [
            answers.labels[column] if answered else value
            for column, answered, value in zip(
                best.tolist(), np.atleast_1d(known).tolist(), answers.values, strict=True
            )
        ]
        scores = np.where(known, probabilities[np.arange(len(best)), best], answers.scores).astype(np.float32)
        answers = replace(answers, values=tuple(values), scores=scores)
    if rule.review_below is None:
        return answers
    unsure: npt.NDArray[np.bool_] = np.less(certainty(answers, rule), rule.review_below)
    return replace(answers, reviews=tuple(unsure.tolist()))


_MIN = 1e-6
"""Smallest probability that has a logit of its own."""


def logits_of(probabilities: Floats, *, several: bool) -> npt.NDArray[np.float64]:
    """Logits, up to a constant of each row, whose softmax (``several``: sigmoid) gives these probabilities.

    Example:
        >>> logits_of(np.array([[0.5, 0.5], [0.8, 0.2]]), several=True).round(3).tolist()
        [[0.0, 0.0], [1.386, -1.386]]
    """
    table = np.clip(np.asarray(probabilities, dtype=np.float64), _MIN, 1 - _MIN if several else 1.0)
    logits: npt.NDArray[np.float64] = np.log(table) - (np.log1p(-table) if several else 0.0)
    return logits


def certainty(answers: Answers, rule: AnswerRule) -> npt.NDArray[np.float64]:
    """How sure each answer is, 0 to 1, as ``AnswerRule.review_below`` takes it, ``(n_items,)``.

    -1 where this item has no answer; infinite for all items of a model that never says how sure it is.
    """
    sure = np.asarray(answers.scores, dtype=np.float64)
    if rule.error_costs and len(answers.labels) == len(rule.error_costs) and len(sure):
        costs = np.asarray(rule.error_costs)
        highest = float(costs.max())
        expected = (np.asarray(answers.probabilities, dtype=np.float64) @ costs).min(axis=1)
        sure = 1 - expected / highest if highest > 0 else np.ones(len(expected))
    missing = np.isnan(sure)
    return np.full(len(sure), np.inf) if missing.all() else np.where(missing, -1.0, sure)


def of_values(values: Sequence[Answer], scores: Floats | None = None) -> Answers:
    """Answers of another kind than labels; without ``scores`` nothing is known of how sure they are."""
    known = np.full(len(values), np.nan, dtype=np.float32) if scores is None else np.asarray(scores, dtype=np.float32)
    return Answers(tuple(values), known)


def encoded(answers: Answers) -> str:
    """JSON of answers of another kind than labels."""
    scores = [None if np.isnan(score) else round(float(score), 6) for score in answers.scores]
    return json.dumps({"values": answers.values, "scores": scores}, ensure_ascii=False)


def decoded(content: str, goal: Goal) -> Answers:
    """What ``encoded`` wrote.

    Raises:
        ValueError: it is damaged.
    """
    raw = json.loads(content)
    given, scores = (raw.get("values"), raw.get("scores")) if isinstance(raw, dict) else (None, None)
    if not isinstance(given, list) or not isinstance(scores, list) or len(given) != len(scores):
        raise ValueError("not a table of answers")
    values = [tuple(setting) if isinstance(setting, list) else setting for setting in given]
    if goal.output is Output.SCORE:
        values = [tuple(map(float, value)) if isinstance(value, tuple) else float(value) for value in values]
    return of_values(values, np.array([np.nan if score is None else score for score in scores], dtype=np.float32))


def as_fields(prediction: Prediction, goal: Goal, *, scores: bool = False) -> dict[str, Any]:
    """A prediction as the fields of a JSON object.

    Args:
        prediction: The answer to one item.
        goal: What was asked for.
        scores: With the probability of every label.

    Returns:
        ``label`` (or ``labels``) and ``score``; ``tokens``, ``tags`` and more (see ``_tagged``); ``score`` (or
        ``scores``) of a pair (or of candidates); ``reply`` and more (see ``_replies``); ``answer`` and ``score``;
        ``text``. An item without an answer has ``error`` alone.
    """
    if prediction.error:
        return {"error": prediction.error}
    answer = list(prediction.answer) if isinstance(prediction.answer, tuple) else prediction.answer
    sure: dict[str, Any] = {} if np.isnan(prediction.score) else {"score": round(prediction.score, 6)}
    sure |= {"review": True} if prediction.review else {}
    match goal.output:
        case Output.LABEL:
            fields = {"labels" if goal.several else "label": answer, **sure}
            every = {label: round(score, 6) for label, score in prediction.scores.items()}
            return fields | ({"scores": every} if scores else {})
        case Output.TAGS:
            return _tagged(prediction, goal) | sure
        case Output.SCORE:
            if prediction.item:
                return _replies(prediction)
            return {"scores" if isinstance(answer, list) else "score": answer}
        case Output.SPAN:
            return {"answer": answer, **sure}
        case Output.LIKELIHOOD:
            return {"log_likelihood": answer}
        case _:
            return {"text": answer}


def _replies(prediction: Prediction) -> dict[str, Any]:
    """The best known ``reply``, and the ``replies`` with their ``scores``, best first."""
    ranked = prediction.ranked_replies
    replies = [reply for reply, _ in ranked]
    return {"reply": replies[0], "replies": replies, "scores": [score for _, score in ranked]}


def _tagged(prediction: Prediction, goal: Goal) -> dict[str, Any]:
    """``tokens`` and their ``tags``; of a text ``offsets``, ``[start, end]`` of each token in characters.

    Of words of several sentences ``sentences``, ``[start, end]`` of each in words.
    Where the tags are those of entities also ``entities``, each with ``type``, ``start``, ``end`` and ``text``. Edges
    count characters of a text; where words were asked they count words. The end is exclusive. What a model
    answered without a bundle (which knows the words) are tags alone.
    """
    tags, spans = labels_of(prediction.answer, Output.TAGS), prediction.spans
    fields: dict[str, Any] = {"tokens": list(prediction.words)} if prediction.item else {}
    fields |= {"offsets": list(map(list, spans))} if spans else {}
    fields["tags"] = list(tags)
    if not spans and SENTENCE_END in prediction.item:
        ends = np.cumsum([0, *map(len, sentences_of(prediction.item))]).tolist()
        fields["sentences"] = list(map(list, pairwise(ends)))
    if not prediction.item or not spells_entities(goal.labels):
        return fields
    fields["entities"] = []
    for kind, first, behind in entities(tags):
        start, end = (spans[first][0], spans[behind - 1][1]) if spans else (first, behind)
        text = (prediction.item if spans else prediction.words)[start:end]
        fields["entities"].append({"type": kind, "start": start, "end": end, "text": in_one(text)})
    return fields
