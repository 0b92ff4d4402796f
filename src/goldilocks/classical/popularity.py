"""Scores that look at no query: the mean score of pairs, and of a candidate how much it was wanted in train."""

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
    """The same for every query."""

    labels: tuple[str, ...] = ()

    def __init__(self) -> None:
        """Before ``fit`` every score is 0."""
        self.mean = 0.0
        self.wanted: dict[str, float] = {}
        """Candidate -> its relevance in train, summed; only those that were relevant at all."""

    def fit(self, texts: Sequence[Text], gold: Sequence[Gold], *, seed: int) -> None:  # noqa: ARG002
        """Take the mean of the scores, or add up the relevance of each candidate.

        Raises:
            InputError: there are no items.
        """
        if not gold or len(texts) != len(gold):
            raise InputError(f"fit got {len(texts)} items and {len(gold)} scores; pass one for each of at least one.")
        self.wanted = {}
        for item, right in zip(texts, gold, strict=True):
            for candidate, relevance in zip(item[1:], right, strict=True) if isinstance(right, tuple) else ():
                if float(str(relevance)) > 0:
                    self.wanted[candidate] = self.wanted.get(candidate, 0.0) + float(str(relevance))
        numbers = [np.mean(np.asarray(right, dtype=np.float64)) for right in gold]
        self.mean = float(np.mean(numbers))

    def predict(self, texts: Sequence[Text]) -> Answers:
        """The mean for a pair, the popularity of each candidate for a list."""
        return of_values(
            [self.mean if len(item) == 2 else tuple(self.wanted.get(one, 0.0) for one in item[1:]) for item in texts]
        )

    def size_bytes(self) -> int:
        """Bytes of the table, about."""
        return 8 + sum(len(one) + 8 for one in self.wanted)

    def save(self, folder: Path) -> None:
        """Write ``popularity.json``."""
        folder.mkdir(parents=True, exist_ok=True)
        raw = {"mean": self.mean, "wanted": self.wanted}
        (folder / FILE).write_text(json.dumps(raw, ensure_ascii=True), encoding="utf-8")


def restored(folder: Path) -> Popularity:
    """What ``Popularity.save`` wrote."""
    raw = json.loads((folder / FILE).read_text(encoding="utf-8"))
    model = Popularity()
    model.mean, model.wanted = float(raw["mean"]), {text: float(one) for text, one in raw["wanted"].items()}
    return model
