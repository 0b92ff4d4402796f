"""Variants of a method that are trained first: what they answer together is what the final network learns.

The final network costs what one costs. Source: Schick & Schütze 2021, "Exploiting Cloze Questions for Few Shot Text
Classification and Natural Language Inference", section 3.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from goldilocks.protocols import Floats, Model
from goldilocks.records import Text

_LEAST = 1e-6
"""Probabilities are at least this, so that their logarithms are finite."""


class Trainable(Protocol):
    """A run of one variant (``tuning.run.Run``)."""

    def advance(self, share: float) -> None:
        """Train up to a share of the full run."""

    @property
    def model(self) -> Model:
        """The model as it is now."""


def joint_probabilities(runs: Iterable[Trainable], texts: Sequence[Text]) -> Floats:
    """Train each run to its end, one after the other, and let them answer together.

    Args:
        runs: Made one by one, so that no two models are in memory at a time.
        texts: The items.

    Returns:
        Softmax of the mean of the variants' scores, ``(n_texts, n_labels)``, float32; a row sums to 1.
    """
    logs = []
    for run in runs:
        run.advance(1.0)
        logs.append(np.log(np.clip(run.model.predict(texts).probabilities, _LEAST, 1)))
    # Logarithms of probabilities are scores but for a constant in each row, which softmax does not see.
    mean = np.mean(logs, axis=0)
    powers = np.exp(mean - mean.max(axis=1, keepdims=True))
    joint: Floats = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return joint
