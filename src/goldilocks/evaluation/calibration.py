"""Calibration: whether stated confidences match the accuracy.

Brier score: squared distance between the probabilities and the gold answer, summed over the labels (0 best, 2 worst)
where a model gives one label of many, else of the probability that the answer is right (0 to 1). Log loss: minus the
natural logarithm of the probability given to the gold answer, which is taken to be at least 1e-6. ECE, the expected
calibration error: mean distance between confidence and accuracy over bins of confidence that hold equally many answers
(Naeini, Cooper & Hauskrecht 2015; equal bins as in Nguyen & O'Connor 2015). Its plug-in estimate is too high for few
items; the interval is moved by the bias that the bootstrap shows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from goldilocks.answers import Answers
from goldilocks.records import Answer, Calibration, ConfidenceBin, Goal, Gold, Measured, Output
from goldilocks.support.scoring.statistics import bootstrap_weights, interval, wilson

_MIN = 1e-6
_BINS = 10
_PER_BIN = 20
"""Answers that a bin of the ECE holds at least: with few items there are fewer bins."""
THRESHOLDS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Confidences from which the share of right answers is reported."""
_DRAWS = 1_000

Array = npt.NDArray[np.float64]


def calibration(answers: Answers, gold: Sequence[Gold], goal: Goal, *, seed: int = 0) -> Calibration | None:
    """How far the model's confidence can be believed; ``None`` where it states none, or where nothing is just right.

    Args:
        answers: The model's, with how sure it is of each.
        gold: The gold answers.
        goal: What was asked for: labels, tags and spans are right or wrong.
        seed: Seed of the resampling.
    """
    right = _right(answers.values, gold, goal.output)
    if right is None or not len(right):
        return None
    confidence = np.asarray(answers.scores, dtype=np.float64)
    if not (np.isfinite(confidence).all() and (confidence >= 0).all() and (confidence <= 1 + 1e-6).all()):
        return None
    confidence = np.minimum(confidence, 1.0)
    if goal.one_label and answers.labels:
        brier, log_loss = _of_labels(answers, gold)
    else:
        given = np.where(right > 0, confidence, 1 - confidence)
        brier, log_loss = (1 - given) ** 2, -np.log(np.maximum(given, _MIN))
    weights = bootstrap_weights(len(right), _DRAWS, seed)
    return Calibration(
        n=len(right),
        brier=_mean(brier, weights, "score"),
        log_loss=_mean(log_loss, weights, "nats"),
        ece=_ece_measured(confidence, right, weights),
        bins=tuple(_bin(confidence, right, low / _BINS, (low + 1) / _BINS) for low in range(_BINS)),
        above=tuple(_bin(confidence, right, threshold, 1.0) for threshold in THRESHOLDS),
        confidence=float(confidence.mean()),
        accuracy=float(right.mean()),
    )


def _right(values: Sequence[Answer], gold: Sequence[Gold], output: Output) -> Array | None:
    """1 where an answer is right, else 0; ``None`` for kinds of answer that are better or worse."""
    if output is Output.SPAN:
        hits = [_in_span(answer, right) for answer, right in zip(values, gold, strict=True)]
    elif output.is_labelled:
        hits = [answer == right for answer, right in zip(values, gold, strict=True)]
    else:
        return None
    return np.array(hits, dtype=np.float64)


def _in_span(answer: Answer, gold: Gold) -> bool:
    pieces = [piece[1] for piece in gold if isinstance(piece, tuple)] if isinstance(gold, tuple) else []
    return answer in pieces if pieces else answer == ""


def _of_labels(answers: Answers, gold: Sequence[Gold]) -> tuple[Array, Array]:
    """Brier score and log loss of each item; a label that the model does not know has the probability 0."""
    table = np.asarray(answers.probabilities, dtype=np.float64)
    column = {label: i for i, label in enumerate(answers.labels)}
    places = np.array([column.get(str(answer), -1) for answer in gold])
    known = places >= 0
    given = np.where(known, table[np.arange(len(table)), np.maximum(places, 0)], 0.0)
    brier = (table**2).sum(axis=1) - 2 * given + 1
    return np.asarray(brier), np.asarray(-np.log(np.maximum(given, _MIN)))


def _mean(values: Array, weights: npt.NDArray[np.uint8], unit: str) -> Measured:
    value, n = float(values.mean()), len(values)
    low, high = interval(weights.astype(np.float32) @ values.astype(np.float32) / n)
    return Measured(value, min(low, value), max(high, value), n, unit)


def _ece_measured(confidence: Array, right: Array, weights: npt.NDArray[np.uint8]) -> Measured:
    n = len(right)
    order = np.argsort(confidence, kind="stable")
    confidence, right = confidence[order], right[order]
    edges = np.linspace(0, n, max(min(_BINS, n // _PER_BIN), 1) + 1).astype(int)[:-1]
    value = float(np.abs(np.add.reduceat(confidence - right, edges)).sum() / n)
    gaps = weights[:, order] * (confidence - right)
    drawn = np.abs(np.add.reduceat(gaps, edges, axis=1)).sum(axis=1) / n
    bias = max(float(drawn.mean()) - value, 0.0)
    low, high = interval(drawn - bias)
    return Measured(value, min(max(low - bias, 0.0), value), min(max(high, value), 1.0), n, "score")


def _bin(confidence: Array, right: Array, low: float, high: float) -> ConfidenceBin:
    """Answers whose confidence is in [low, high), the upper end included where it is 1."""
    inside = (confidence >= low) & ((confidence < high) | (high >= 1))
    n, hits = int(inside.sum()), float(right[inside].sum())
    share = Measured(hits / n, *wilson(hits, n), n, "share") if n else None
    return ConfidenceBin(low, high, n, float(confidence[inside].mean()) if n else 0.0, share)
