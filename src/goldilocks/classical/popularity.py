"""Popularity baseline for scores: the mean score of pairs, and each candidate's summed relevance in training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from goldilocks.answers import Answers, of_values
from goldilocks.errors import InputError
from goldilocks.records import Gold, Text

FILE = "popularity.json"


class Popularity:
    """Scores that do not depend on the query."""

    labels: tuple[str, ...] = ()

    def __init__(self) -> None:
        """Before ``fit`` every score is 0."""
        self.mean = 0.0
        self.relevance: dict[str, float] = {}
        """Candidate -> its summed relevance in training, where above 0."""

    def fit(self, texts: Sequence[Text], gold: Sequence[Gold], *, seed: int) -> None:  # noqa: ARG002
        """Take the mean of the scores, or add up the relevance of each candidate.

        Raises:
            InputError: there are no items.
        """
        if not gold or len(texts) != len(gold):
            raise InputError(
                f"fit got {len(texts)} items and {len(gold)} scores; pass equally many of both, at least one."
            )
        self.relevance = {}
        for item, right in zip(texts, gold, strict=True):
            for candidate, value in zip(item[1:], right, strict=True) if isinstance(right, tuple) else ():
                if float(str(value)) > 0:
                    self.relevance[candidate] = self.relevance.get(candidate, 0.0) + float(str(value))
        numbers = [np.mean(np.asarray(right, dtype=np.float64)) for right in gold]
        self.mean = float(np.mean(numbers))

    def predict(self, texts: Sequence[Text]) -> Answers:
        """The mean for a pair, the popularity of each candidate for a list."""
        return of_values(
            [
                self.mean if len(item) == 2 else tuple(self.relevance.get(text, 0.0) for text in item[1:])
                for item in texts
            ]
        )

    def size_bytes(self) -> int:
        """Bytes of the table, about."""
        return 8 + sum(len(text) + 8 for text in self.relevance)

    def save(self, folder: Path) -> None:
        """Write ``popularity.json``."""
        folder.mkdir(parents=True, exist_ok=True)
        raw = {"mean": self.mean, "wanted": self.relevance}
        (folder / FILE).write_text(json.dumps(raw, ensure_ascii=True), encoding="utf-8")


def restored(folder: Path) -> Popularity:
    """A model that ``Popularity.save`` wrote."""
    raw = json.loads((folder / FILE).read_text(encoding="utf-8"))
    model = Popularity()
    model.mean, model.relevance = float(raw["mean"]), {text: float(value) for text, value in raw["wanted"].items()}
    return model
