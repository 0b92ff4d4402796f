"""k nearest neighbours: the share of texts whose label the five nearest other texts would guess.

Leave-one-out, by cosine of features whose mean was taken off (language models' features share one large direction that
would make every text the neighbour of every other).
"""

from __future__ import annotations

import numpy as np

from goldilocks.protocols import Floats, Ints
from goldilocks.records import Output

OUTPUTS = frozenset({Output.LABEL})
SOURCE = "Cover & Hart 1967; as an estimator of transfer Renggli et al. 2022, 'Which model to transfer?'. Ours is k = 5."
NEIGHBOURS = 5
_BLOCK = 1_024


def estimate(features: Floats, labels: Ints, *, seed: int) -> float:  # noqa: ARG001
    """Leave-one-out accuracy, 0 to 1. See ``protocols.Estimator``."""
    centred = (features - features.mean(0)).astype(np.float32)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    rows = len(unit)
    neighbours = min(NEIGHBOURS, rows - 1)
    if neighbours < 1:
        return 0.0
    right = 0
    for start in range(0, rows, _BLOCK):
        stop = min(start + _BLOCK, rows)
        near = unit[start:stop] @ unit.T  # (block, n_texts)
        near[np.arange(stop - start), np.arange(start, stop)] = -np.inf
        nearest = np.argpartition(-near, neighbours - 1, axis=1)[:, :neighbours]
        votes = np.zeros((stop - start, int(labels.max()) + 1))
        # One vote each; closeness (within ±1) only breaks ties.
        closeness = 1 + 1e-3 * np.take_along_axis(near, nearest, axis=1)
        np.add.at(votes, (np.arange(stop - start)[:, None], labels[nearest]), closeness)
        right += int((votes.argmax(1) == labels[start:stop]).sum())
    return right / rows
