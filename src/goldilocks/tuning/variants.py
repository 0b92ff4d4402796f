"""Variants of a method that are trained first: what they answer together is what the final network learns.

The final network costs what one costs. Source: Schick & Schütze 2021, "Exploiting Cloze Questions for Few Shot Text
Classification and Natural Language Inference", section 3.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, cast

import numpy as np

from goldilocks.answers import Answers, logits_of
from goldilocks.protocols import Floats, Model
from goldilocks.records import Answer, Gold, Text

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
    several: bool = False,
) -> Floats:
    """Train each run to its end, one after the other, and let them answer together.

    Args:
        runs: Made one by one, so that no two models are in memory at a time.
        texts: The items.
        scored: Training items and their labels: a run counts by its accuracy on them before any training. ``None``, or
            none is right anywhere: all count alike.
        several: Whether items have several labels, each a decision of its own.

    Returns:
        Softmax (``several``: sigmoid) of the weighted mean of the variants' scores, ``(n_texts, n_labels)``, float32. A
        row sums to 1 unless ``several``.
    """
    logits, weights = [], []
    for run in runs:
        weights.append(1.0 if scored is None else _accuracy(run, *scored))
        run.advance(1.0)
        probabilities = np.clip(run.model.predict(texts).probabilities, _MIN, 1 - _MIN if several else 1)
        logits.append(logits_of(probabilities, several=several))
    mean = np.average(logits, axis=0, weights=weights if any(weights) else None)
    if several:
        return (1 / (1 + np.exp(-mean))).astype(np.float32)
    powers = np.exp(mean - mean.max(axis=1, keepdims=True))
    joint: Floats = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return joint


def _accuracy(run: Trainable, texts: Sequence[Text], gold: Sequence[Gold]) -> float:
    """Share of the items that are right; of several labels the share of right ones among those given or wanted."""
    pairs = zip(run.predict(texts).values, gold, strict=True)
    return float(np.mean([_overlap(answer, right) for answer, right in pairs]))


def _overlap(answer: Answer, right: Gold) -> float:
    if isinstance(answer, str) or isinstance(right, str):
        return float(answer == right)
    given, wanted = set(cast(tuple[str, ...], answer)), set(cast(tuple[str, ...], right))
    return len(given & wanted) / len(given | wanted) if given | wanted else 1.0
