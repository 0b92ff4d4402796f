"""What happens when in a run: the batches of each epoch and the learning rate, from the seed and the progress alone.

Nothing is drawn as training goes on, so a run can be cut anywhere and continued from (epoch, batch) alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from goldilocks.nets.batches import by_length
from goldilocks.records import Recipe


def rate_share(progress: float, warmup_share: float) -> float:
    """Share of the peak learning rate at ``progress`` (0 to 1): a linear climb, then a linear fall to 0.

    Example:
        >>> [rate_share(at, 0.5) for at in (0.25, 0.5, 0.75, 1.0)]
        [0.5, 1.0, 0.5, 0.0]
    """
    if progress < warmup_share:
        return progress / warmup_share
    return (1 - progress) / (1 - warmup_share) if progress < 1 else 0.0


def batches_of(epoch: int, lengths: npt.NDArray[np.int64], recipe: Recipe, seed: int) -> list[list[int]]:
    """The batches of one epoch (positions of texts), in order; the same for the same epoch and seed."""
    rng = np.random.default_rng((seed, epoch))
    return list(by_length(lengths, rows=recipe.batch_rows, tokens=recipe.batch_tokens, rng=rng))  # type: ignore[arg-type]


def nested_order(gold: Sequence[str], seed: int) -> list[int]:
    """An order of the rows in which every beginning has the labels in about their shares (to one row per label).

    A longer beginning holds the shorter one: a candidate shown more rows has seen the earlier ones too.
    """
    rng = np.random.default_rng(seed)
    labels, codes = np.unique(np.asarray(gold, dtype=object).astype(str), return_inverse=True)
    places = np.empty(len(codes))
    for code in range(len(labels)):
        members = np.flatnonzero(codes == code)
        # The i-th of n rows of a label stands at (i + u) / n: evenly spread, each label with a start of its own.
        places[rng.permutation(members)] = (np.arange(len(members)) + rng.random()) / len(members)
    order: list[int] = np.argsort(places, kind="stable").tolist()
    return order
