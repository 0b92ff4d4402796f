"""Determinantal point process: a set of rows that are similar to the item and unlike each other.

The set S is to have a high determinant of L_S with L_ij = r_i · cos(i, j) · r_j and r_i = exp(cos(i, item) / (2 λ)):
log det L_S = Σ cos(i, item) / λ + log det of the cosines. Rows are added greedily, each the one that raises it most.
"""

from __future__ import annotations

import numpy as np

from goldilocks.protocols import Floats
from goldilocks.records import Gold, Text

PER_ITEM = True
USES_VECTORS = True
SOURCE = (
    "Ye et al. 2023, Compositional Exemplars for In-Context Learning (CEIL), without its training of the kernel; the "
    "greedy choice by Chen et al. 2018, Fast Greedy MAP Inference for Determinantal Point Process."
)

TRADE_OFF = 0.1
"""λ: a lower one weighs similarity to the item more."""
CANDIDATES = 100
"""Most similar rows among which the set is chosen, as in the paper."""
_MIN = 1e-9


def select(
    pool_texts: tuple[Text, ...],
    pool_gold: tuple[Gold, ...],
    query: Text | None,
    count: int,
    *,
    vectors: Floats,
    query_vector: Floats,
    seed: int,
) -> list[int]:
    """See ``protocols.Demonstrations``."""
    similar = vectors @ query_vector
    candidates = np.argsort(-similar, kind="stable")[: max(count, CANDIDATES)]
    chosen = [int(candidates[i]) for i in greedy(kernel(vectors[candidates], similar[candidates]), count)]
    # Rows in the span of those chosen add nothing: the most similar ones take the places that are left.
    rest = [int(row) for row in candidates if row not in chosen]
    return [*chosen, *rest][: min(count, len(pool_texts))]


def kernel(vectors: Floats, similar: Floats) -> Floats:
    """L, ``(n, n)``, from vectors ``(n, width)`` and their cosines with the item, ``(n,)``."""
    wide = vectors.astype(np.float64)
    quality = np.exp(similar.astype(np.float64) / (2 * TRADE_OFF))
    return np.asarray(quality[:, None] * (wide @ wide.T) * quality[None, :])


def greedy(kernel: Floats, count: int) -> list[int]:
    """At most ``count`` positions, each the one that raises the log-determinant most; fewer where the rank is lower."""
    gains = kernel.diagonal().copy()
    scale = gains.copy()
    factors = np.zeros((0, len(gains)))  # rows of the Cholesky factor so far
    chosen: list[int] = []
    while len(chosen) < min(count, len(gains)):
        row = int(gains.argmax())
        if gains[row] <= _MIN * max(1.0, scale[row]):
            break
        chosen.append(row)
        factor = (kernel[row] - factors[:, row] @ factors) / np.sqrt(gains[row])
        factors = np.vstack([factors, factor])
        gains = gains - factor**2
        gains[chosen] = -np.inf
    return chosen
