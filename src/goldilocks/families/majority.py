"""Majority baseline: the label shares of the training rows, independent of the text.

For tags it predicts the most frequent tag of each word (``classical/most_frequent_tag.py``), for scores the mean, and
for candidates their popularity in the training rows (``classical/popularity.py``). Where a text may have several
labels, those of at least half of the texts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from goldilocks.answers import Answers, of_labels
from goldilocks.classical import most_frequent_tag, popularity
from goldilocks.classical.most_frequent_tag import WordTags
from goldilocks.classical.popularity import Popularity
from goldilocks.errors import InputError
from goldilocks.families._shared import from_scratch
from goldilocks.records import (
    Forecast,
    Goal,
    Gold,
    Machine,
    ModelInfo,
    Output,
    Part,
    Text,
    Workload,
    labels_of,
)

if TYPE_CHECKING:
    from goldilocks.protocols import OneShotEstimator

OUTPUTS = frozenset({Output.LABEL, Output.TAGS, Output.SCORE})
describe = from_scratch.no_checkpoint
training_config = from_scratch.no_training_config


def models() -> tuple[ModelInfo, ...]:
    """The one model there is."""
    info = from_scratch.info("majority", "shares", "label shares of train", parameters=2, size_bytes=100)
    return (info,)


def forecast(info: ModelInfo, work: Workload, machine: Machine) -> Forecast:  # noqa: ARG001
    """Counting labels: next to nothing."""
    return Forecast(seconds=0.01 + 1e-7 * work.rows, memory_bytes=1e6)


def create(info: ModelInfo, folder: Path | None, part: Part, goal: Goal, *, seed: int) -> OneShotEstimator:  # noqa: ARG001
    """A model that knows the labels and nothing more: every label is equally likely."""
    match goal.output:
        case Output.TAGS:
            return WordTags(goal.labels)
        case Output.SCORE:
            return Popularity()
        case _:
            return ClassPrior(goal.labels, several=goal.several)


def restore(folder: Path) -> OneShotEstimator:
    """What ``save`` wrote, ready for inference."""
    if (folder / most_frequent_tag.FILE).exists():
        return most_frequent_tag.restored(folder)
    if (folder / popularity.FILE).exists():
        return popularity.restored(folder)
    raw = json.loads((folder / "shares.json").read_text(encoding="utf-8"))
    model = ClassPrior(raw["labels"], several=bool(raw.get("several")))
    model.shares = np.asarray(raw["shares"], dtype=np.float32)
    return model


class ClassPrior:
    """The same probabilities for every text."""

    def __init__(self, labels: Sequence[str], *, several: bool = False) -> None:
        """Before ``fit`` every label is equally likely."""
        self.labels, self.several = tuple(labels), several
        self.shares: npt.NDArray[np.float32] = np.full(len(self.labels), 1 / len(self.labels), dtype=np.float32)

    def fit(self, texts: Sequence[Text], gold: Sequence[Gold], *, seed: int) -> None:  # noqa: ARG002
        """Count the labels.

        Raises:
            InputError: there is no label, or one the model does not know.
        """
        counts = dict.fromkeys(self.labels, 0)
        for label in (label for answer in gold for label in labels_of(answer, Output.LABEL)):
            if label not in counts:
                raise InputError(f"gold holds the label {label!r}; the model was made for: {', '.join(self.labels)}.")
            counts[label] += 1
        if not gold:
            raise InputError("fit got no labels; pass at least one text and its label.")
        self.shares = np.array([counts[label] / len(gold) for label in self.labels], dtype=np.float32)

    def predict(self, texts: Sequence[Text]) -> Answers:
        """The label shares for each text."""
        return of_labels(np.tile(self.shares, (len(texts), 1)), self.labels, several=self.several)

    def size_bytes(self) -> int:
        """Bytes of the shares."""
        return self.shares.nbytes

    def save(self, folder: Path) -> None:
        """Write ``shares.json``."""
        folder.mkdir(parents=True, exist_ok=True)
        raw = {"labels": self.labels, "several": self.several, "shares": [float(share) for share in self.shares]}
        (folder / "shares.json").write_text(json.dumps(raw, ensure_ascii=False), encoding="utf-8")
