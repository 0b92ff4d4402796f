"""Does a bundle still answer as it did when it was written?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from goldilocks.bundle.layout import TOLERANCE
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
    """Largest difference of a stored probability."""


def verify(folder: Path | str) -> Verification:
    """Read a bundle with all its checks and make the stored predictions again.

    Where two labels were as good as equal, either is taken as the same answer.

    Raises:
        MissingError: there is no bundle.
        IntegrityError: it is damaged, holds what it should not, or is of a newer format.
    """
    bundle = load(folder)
    stored = bundle.info.predictions
    column = {label: number for number, label in enumerate(bundle.labels)}
    rows = bundle.probabilities([one.text for one in stored])
    worst, wrong = 0.0, []
    for number, (one, row) in enumerate(zip(stored, rows.tolist(), strict=True), start=1):
        again = row[column[one.label]] if one.label in column else 0.0
        gap = abs(again - one.score)
        worst = max(worst, gap)
        if not (gap <= TOLERANCE and max(row) - again <= TOLERANCE):
            wrong.append(number)
    files = len(bundle.info.files)
    if wrong:
        which = ", ".join(map(str, wrong[:5])) + (", …" if len(wrong) > 5 else "")
        words = f"{len(wrong)} of {len(stored)} stored predictions came out differently (by up to {worst:.3g}: {which})"
        return Verification(False, words, len(stored), worst)
    words = f"{files} files are whole, {len(stored)} of {len(stored)} stored predictions came out the same"
    return Verification(True, words, len(stored), worst)
