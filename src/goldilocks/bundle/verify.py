"""Verification of a bundle: checksums, and reproduction of its stored predictions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from goldilocks.answers import Answers
from goldilocks.bundle.layout import TOLERANCE, StoredPrediction
from goldilocks.bundle.read import load


@dataclass(frozen=True, slots=True)
class Verification:
    """The stored predictions, made again."""

    ok: bool
    message: str
    """In words, for people."""
    checked: int
    """How many predictions were made again."""
    worst: float
    """Largest difference of a stored score."""


def verify(folder: Path | str) -> Verification:
    """Read a bundle with all its checks and make the stored predictions again.

    Where two labels were as good as equal, either is taken as the same answer.

    Raises:
        MissingError: there is no bundle.
        IntegrityError: it is damaged, holds what it should not, or is of a newer format.
    """
    bundle = load(folder)
    costs = bool(bundle.info.answer_rule.error_costs)
    stored = bundle.info.predictions
    answers = bundle.answers([record.text for record in stored])
    worst, wrong = 0.0, []
    for number, record in enumerate(stored):
        gap, close = _gap(record, answers, number, most_probable=not costs)
        worst = max(worst, gap)
        if gap > TOLERANCE or not close:
            wrong.append(number + 1)
    files = len(bundle.info.files)
    if wrong:
        which = ", ".join(map(str, wrong[:5])) + (", …" if len(wrong) > 5 else "")
        words = f"{len(wrong)} of {len(stored)} stored predictions came out differently (by up to {worst:.3g}: {which})"
        return Verification(False, words, len(stored), worst)
    words = f"{files} checksums OK, {len(stored)} of {len(stored)} stored predictions reproduced"
    return Verification(True, words, len(stored), worst)


def _gap(stored: StoredPrediction, answers: Answers, number: int, *, most_probable: bool) -> tuple[float, bool]:
    """By how much the score differs now, and whether the answer is the same, or as good as."""
    value, score = answers.values[number], float(answers.scores[number])
    if isinstance(stored.answer, str) and stored.answer in answers.labels:
        row = answers.probabilities[number]
        again = float(row[answers.labels.index(stored.answer)])
        # With costs of errors the answer is not the most probable label: the probability of the stored one tells.
        return abs(again - (stored.score or 0.0)), not most_probable or float(row.max()) - again <= TOLERANCE
    gap = 0.0 if stored.score is None or np.isnan(score) else abs(score - stored.score)
    if isinstance(value, float) or (isinstance(value, tuple) and value and isinstance(value[0], float)):
        return gap, bool(np.allclose(np.asarray(value), np.asarray(stored.answer, dtype=float), atol=TOLERANCE))
    return gap, value == stored.answer
