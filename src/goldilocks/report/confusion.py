"""The confusion matrix: complete for few labels, the most confused labels for many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from goldilocks.records import Evaluation

WHOLE_UP_TO = 20
"""Maximum number of labels for which the complete matrix is shown."""
_CORNER = 14
"""Number of labels shown otherwise."""
_PAIRS = 15


@dataclass(frozen=True, slots=True)
class Cell:
    """One count of a matrix."""

    count: int
    share: float
    """Share of the rows with this gold label, 0 to 1."""
    right: bool
    """Gold and predicted label are the same."""


@dataclass(frozen=True, slots=True)
class Row:
    """All predictions for one gold label."""

    label: str
    cells: tuple[Cell, ...]
    elsewhere: int
    """Predictions of labels that are not among the columns."""
    total: int


@dataclass(frozen=True, slots=True)
class Matrix:
    """A confusion matrix or a part of one."""

    labels: tuple[str, ...]
    rows: tuple[Row, ...]
    whole: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """Two labels that were confused."""

    gold: str
    predicted: str
    count: int
    share: float
    """Share of the rows with this gold label."""
    back: int
    """Count of the reverse confusion."""


def matrix(evaluation: Evaluation) -> Matrix:
    """The complete matrix; for more than 20 labels, the part with the most errors."""
    n_labels = len(evaluation.labels)
    whole = n_labels <= WHOLE_UP_TO
    kept = list(range(n_labels)) if whole else sorted(_most_confused(evaluation.confusion))
    rows = tuple(_row(evaluation, gold, kept) for gold in kept)
    return Matrix(tuple(evaluation.labels[i] for i in kept), rows, whole)


def pairs(evaluation: Evaluation, at_most: int = _PAIRS) -> tuple[Pair, ...]:
    """Gold and predicted labels that differ, most frequent first."""
    counts = evaluation.confusion
    confusions = [
        (count, gold, predicted)
        for gold, row in enumerate(counts)
        for predicted, count in enumerate(row)
        if count and gold != predicted
    ]
    confusions.sort(key=lambda confusion: (-confusion[0], confusion[1], confusion[2]))
    return tuple(
        Pair(
            gold=evaluation.labels[gold],
            predicted=evaluation.labels[predicted],
            count=count,
            share=count / sum(counts[gold]),
            back=counts[predicted][gold],
        )
        for count, gold, predicted in confusions[:at_most]
    )


def _row(evaluation: Evaluation, gold: int, kept: Sequence[int]) -> Row:
    counts = evaluation.confusion[gold]
    total = sum(counts)
    cells = tuple(Cell(counts[i], counts[i] / total if total else 0.0, i == gold) for i in kept)
    return Row(evaluation.labels[gold], cells, total - sum(cell.count for cell in cells), total)


def _most_confused(counts: Sequence[Sequence[int]]) -> list[int]:
    """Labels of the most frequently confused pairs, filled up with other labels."""
    together = [
        (-(counts[label][other] + counts[other][label]), label, other)
        for label in range(len(counts))
        for other in range(label)
        if counts[label][other] + counts[other][label]
    ]
    kept: dict[int, None] = {}
    for _, label, other in sorted(together):
        if len(kept | {label: None, other: None}) <= _CORNER:
            kept |= {label: None, other: None}
    return list(kept | dict.fromkeys(range(len(counts))))[:_CORNER]
