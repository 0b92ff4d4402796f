"""Variants of a method that are trained first: what they answer together is what the final network learns.

The final network costs what one costs. Source: Schick & Schütze 2021, "Exploiting Cloze Questions for Few Shot Text
Classification and Natural Language Inference", section 3.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from goldilocks.answers import Answers
from goldilocks.protocols import Floats, Model
from goldilocks.records import Gold, Text

_MIN = 1e-6
"""Probabilities are at least this, so that their logarithms are finite."""


class Trainable(Protocol):
    """A run of one variant (``tuning.run.Run``)."""

    def advance(self, share: float) -> None:
        """Train up to a share of the full run."""

    def predict(self, texts: Sequence[Text]) -> Answers:
        """Answers as of now, also before any training."""

    @property
    def model(self) -> Model:
        """The model as it is now."""


def joint_probabilities(
    runs: Iterable[Trainable],
    texts: Sequence[Text],
    *,
    scored: tuple[Sequence[Text], Sequence[Gold]] | None = None,
) -> Floats:
    """Train each run to its end, one after the other, and let them answer together.

    Args:
        runs: Made one by one, so that no two models are in memory at a time.
        texts: The items.
        scored: Training items and their labels: a run counts by its accuracy on them before any training. ``None``, or
            none is right anywhere: all count alike.

    Returns:
        Softmax of the weighted mean of the variants' scores, ``(n_texts, n_labels)``, float32; a row sums to 1.
    """
    logs, weights = [], []
    for run in runs:
        weights.append(1.0 if scored is None else _accuracy(run, *scored))
        run.advance(1.0)
        logs.append(np.log(np.clip(run.model.predict(texts).probabilities, _MIN, 1)))
    # Logarithms of probabilities are scores but for a constant in each row, which softmax does not see.
    mean = np.average(logs, axis=0, weights=weights if any(weights) else None)
    powers = np.exp(mean - mean.max(axis=1, keepdims=True))
    joint: Floats = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return joint


def _accuracy(run: Trainable, texts: Sequence[Text], gold: Sequence[Gold]) -> float:
    return float(np.mean([answer == right for answer, right in zip(run.predict(texts).values, gold, strict=True)]))
