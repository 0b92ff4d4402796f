"""Class by class: precision, recall, F1; who is taken for whom; the mistakes worth reading."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from goldilocks.errors import InputError
from goldilocks.protocols import Floats
from goldilocks.records import ClassRow, ErrorRow

TOTALS = ("accuracy", "macro avg", "weighted avg")
"""Names of the last three rows of a classification report."""


def confusion(gold: Sequence[str], predicted: Sequence[str], labels: Sequence[str]) -> npt.NDArray[np.int64]:
    """How often each label (row) is answered with each label (column), in the order of ``labels``.

    Raises:
        InputError: not one answer for each item, or a label that is not in ``labels``.
    """
    if len(gold) != len(predicted):
        raise InputError(f"{len(gold)} gold and {len(predicted)} predicted labels; pass one of each for each item.")
    number = {label: i for i, label in enumerate(labels)}
    unknown = sorted({*gold, *predicted} - number.keys())
    if unknown:
        raise InputError(f"label {unknown[0]!r} is not among the labels; there are: {', '.join(labels)}.")
    table = np.zeros((len(labels), len(labels)), dtype=np.int64)
    np.add.at(table, ([number[one] for one in gold], [number[one] for one in predicted]), 1)
    return table


def class_rows(gold: Sequence[str], predicted: Sequence[str], labels: Sequence[str]) -> tuple[ClassRow, ...]:
    """Precision, recall and F1 of each label, in the order of ``labels``; a share of nothing is 0.

    Raises:
        InputError: not one answer for each item, or a label that is not in ``labels``.
    """
    table = confusion(gold, predicted, labels)
    hits, claimed, real = np.diag(table), table.sum(0), table.sum(1)
    columns = (_share(hits, claimed), _share(hits, real), _share(2 * hits, claimed + real), real)
    return tuple(
        ClassRow(label, float(precision), float(recall), float(f1), int(support))
        for label, precision, recall, f1, support in zip(labels, *columns, strict=True)
    )


def classification_report(gold: Sequence[str], predicted: Sequence[str], labels: Sequence[str]) -> tuple[ClassRow, ...]:
    """``class_rows`` and then three rows named as in ``TOTALS``.

    As scikit-learn's report with ``zero_division=0``, but the macro average leaves out labels that are neither in gold
    nor predicted, as ``metrics/macro_f1.py`` does. The accuracy row has the accuracy in all three columns.

    Raises:
        InputError: there are no items, not one answer for each, or a label that is not in ``labels``.
    """
    if not len(gold):
        raise InputError("there are no items to report on; pass at least one.")
    rows = class_rows(gold, predicted, labels)
    n = len(gold)
    columns = np.array([(row.precision, row.recall, row.f1) for row in rows])
    support = np.array([row.support for row in rows])
    answered = set(predicted)
    occurs = np.array([row.support > 0 or row.label in answered for row in rows])
    accuracy = sum(one == other for one, other in zip(gold, predicted, strict=True)) / n
    totals = (np.full(3, accuracy), columns[occurs].mean(0), support @ columns / n)
    averages = [
        ClassRow(name, float(three[0]), float(three[1]), float(three[2]), n)
        for name, three in zip(TOTALS, totals, strict=True)
    ]
    return (*rows, *averages)


def worst_errors(
    texts: Sequence[str],
    gold: Sequence[str],
    probabilities: Floats,
    labels: Sequence[str],
    n: int = 20,
    *,
    rows: Sequence[int] | None = None,
) -> tuple[ErrorRow, ...]:
    """The ``n`` wrong answers the model was surest of, surest first.

    They are where wrong labels in the data, unclear guidelines and true blind spots are found.

    Args:
        texts: The texts.
        gold: Their right labels.
        probabilities: The model's, shape ``(n_texts, n_labels)``.
        labels: Labels of the columns.
        n: At most so many.
        rows: Row number of each text in its file; absent: 1, 2, 3 …

    Raises:
        InputError: the shapes do not fit each other.
    """
    if probabilities.shape != (len(texts), len(labels)) or len(gold) != len(texts):
        raise InputError(
            f"{len(texts)} texts, {len(gold)} gold labels, {len(labels)} labels and probabilities of shape "
            f"{probabilities.shape}; pass a row for each text and a column for each label."
        )
    best = probabilities.argmax(1).tolist() if len(texts) else []
    wrong = [i for i, column in enumerate(best) if labels[column] != gold[i]]
    wrong.sort(key=lambda i: -probabilities[i, best[i]])
    return tuple(
        ErrorRow(
            row=rows[i] if rows else i + 1,
            text=texts[i],
            gold=gold[i],
            predicted=labels[best[i]],
            score=float(probabilities[i, best[i]]),
        )
        for i in wrong[:n]
    )


def _share(part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
