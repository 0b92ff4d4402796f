"""Rows without which a proxy model's answer to the item would change most (leave-one-out influence).

The proxy is kernel ridge regression from cosines to answers (one-hot), fitted to the rows nearest to the item. Leaving
row i out changes its prediction f(item) by  [k(item) C]_i · a_i / C_ii  with C = (K + λI)^-1 and a = C Y. This is
exact, no model is fitted again. The size of the change over all answers counts.
"""

from __future__ import annotations

import numpy as np

from goldilocks.protocols import Floats
from goldilocks.records import Gold, Text

PER_ITEM = True
USES_VECTORS = True
SOURCE = (
    "Nguyen and Wong 2023, In-Context Example Selection with Influences, measure influence by prompting a model with "
    "many subsets; here a linear proxy stands in for it, with the closed form of leave-one-out (Cook 1977; Koh and "
    "Liang 2017 for the term)."
)

PENALTY = 0.1
"""λ of the ridge regression."""
CANDIDATES = 200
"""Rows nearest to the item to which the proxy is fitted."""


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
    if not len(candidates):
        return []
    changes = leave_one_out(vectors[candidates], [pool_gold[row] for row in candidates], similar[candidates])
    ranked = np.argsort(-np.linalg.norm(changes, axis=1), kind="stable")[:count]
    return [int(candidates[i]) for i in ranked]


def leave_one_out(vectors: Floats, gold: list[Gold], similar: Floats) -> Floats:
    """How much the prediction for the item falls when each row is left out, ``(n_rows, n_answers)``.

    Args:
        vectors: Vectors of the rows, ``(n_rows, width)``.
        gold: Their gold answers; columns are the different ones, sorted by ``repr``.
        similar: Cosine of each row with the item, ``(n_rows,)``.
    """
    wide = vectors.astype(np.float64)
    columns = {answer: column for column, answer in enumerate(sorted(set(gold), key=repr))}
    targets = np.eye(len(columns))[[columns[answer] for answer in gold]]
    inverse = np.linalg.inv(wide @ wide.T + PENALTY * np.eye(len(wide)))
    weights = inverse @ targets
    return np.asarray((similar @ inverse)[:, None] * weights / inverse.diagonal()[:, None])
