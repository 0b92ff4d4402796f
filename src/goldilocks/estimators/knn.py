"""k nearest neighbours: leave-one-out accuracy of a vote of the five nearest texts.

Leave-one-out, by cosine of features whose mean was taken off (language models' features share one large direction that
would make every text the neighbour of every other).
"""

from __future__ import annotations

import numpy as np

from goldilocks.protocols import Floats, Ints
from goldilocks.records import Output

OUTPUTS = frozenset({Output.LABEL})
SOURCE = (
    "Cover & Hart 1967; as an estimator of transfer Renggli et al. 2022, 'Which model to transfer?'. Ours is k = 5."
)
NEIGHBOURS = 5
ASKED = 2_000
"""Maximum number of texts whose neighbours are looked up, among all texts."""
_BLOCK = 1_024


def estimate(features: Floats, labels: Ints, *, seed: int) -> float:
    """Leave-one-out accuracy, 0 to 1. See ``protocols.Estimator``."""
    centred = (features - features.mean(0)).astype(np.float32)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    rows = len(unit)
    neighbours = min(NEIGHBOURS, rows - 1)
    if neighbours < 1:
        return 0.0
    queries = np.random.default_rng(seed).permutation(rows)[:ASKED]
    blocks = [queries[start : start + _BLOCK] for start in range(0, len(queries), _BLOCK)]
    right = sum(int((_guesses(unit, labels, block, neighbours) == labels[block]).sum()) for block in blocks)
    return right / len(queries)


def _guesses(unit: Floats, labels: Ints, queries: Ints, neighbours: int) -> Ints:
    """The label most of the neighbours of each asked text have."""
    near = unit[queries] @ unit.T  # (n_queries, n_texts)
    places = np.arange(len(queries))
    near[places, queries] = -np.inf
    nearest = np.argpartition(near, -neighbours, axis=1)[:, -neighbours:]
    votes = np.zeros((len(queries), int(labels.max()) + 1))
    # One vote each; closeness (within ±1) only breaks ties.
    np.add.at(votes, (places[:, None], labels[nearest]), 1 + 1e-3 * np.take_along_axis(near, nearest, axis=1))
    guesses: Ints = votes.argmax(1)
    return guesses
