"""Feature pruning of n-gram models: keep the n-grams whose weights discriminate between the labels, remove the others.

The importance of an n-gram is the length of its weights over the labels, centred where they go through a softmax (there
only differences count), times the root of the share of training texts that hold it, where the model knows it (tf-idf:
from the idf). That is the root of the mean squared change of the scores when its value is taken as 1. No labelled rows
are used: chosen by the rows of the gate, n-grams that do not occur there would go first, and the gate would not see it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from goldilocks.classical.ngram_linear import NgramLinear
from goldilocks.protocols import Calibration, Model

KIND = "prune"
ENGINE = "native"
LEVELS = (0.5, 0.25, 0.1, 0.05)
SOURCE = (
    "Han et al. 2015, Learning both Weights and Connections for Efficient Neural Networks (removal by magnitude), "
    "for whole features and weighted by how often they occur; without training again."
)
_FEWEST = 100


def incompatibility(model: Model) -> str | None:
    """See ``protocols.Compressor``."""
    if not isinstance(model, NgramLinear):
        return "it is not a linear model over n-grams"
    if len(model.vocabulary) < _FEWEST:
        return f"it has {len(model.vocabulary)} n-grams only"
    return None


def compress(model: Model, level: float, folder: Path, calibration: Calibration) -> None:  # noqa: ARG001
    """See ``protocols.Compressor``."""
    assert isinstance(model, NgramLinear)
    strength = importance(model)
    n_kept = max(1, round(level * len(strength)))
    kept = np.zeros(len(strength), dtype=bool)
    kept[np.argsort(-strength, kind="stable")[:n_kept]] = True
    model.keep_terms(kept)
    model.save(folder)


def importance(model: NgramLinear) -> npt.NDArray[np.float64]:
    """Importance of each n-gram, ``(n_terms,)``; only the order matters."""
    weights = model.solution.dense().astype(np.float64)
    if not model.several:
        weights = weights - weights.mean(1, keepdims=True)
    strength: npt.NDArray[np.float64] = np.sqrt((weights**2).sum(1))
    if len(model.idf):
        # idf = ln((1 + n) / (1 + df)) + 1, so that exp(1 - idf) is the share of training texts with the n-gram. Its
        # tf-idf value grows with the idf.
        strength *= model.idf * np.sqrt(np.exp(1 - model.idf.astype(np.float64)))
    return strength
