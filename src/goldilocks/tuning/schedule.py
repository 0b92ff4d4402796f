"""Batches and row order of each epoch, determined by the seed alone.

Nothing is drawn as training goes on, so a run can be cut anywhere and continued from (epoch, batch) alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import numpy.typing as npt

from goldilocks.nets.tokenization.batching import by_length
from goldilocks.records import Gold, TrainingConfig


def batches_of(epoch: int, lengths: npt.NDArray[np.int64], config: TrainingConfig, seed: int) -> list[list[int]]:
    """The batches of one epoch (positions of texts), in order; the same for the same epoch and seed."""
    rng = np.random.default_rng((seed, epoch))
    return list(by_length(lengths, rows=config.batch_rows, tokens=config.batch_tokens, rng=rng))  # type: ignore[arg-type]


def nested_order(gold: Sequence[Gold], seed: int) -> list[int]:
    """An order of the rows in which every beginning has the labels in about their shares (to one row per label).

    Where the gold answers are not single labels the order is random. A longer beginning holds the shorter one: a
    candidate shown more rows has seen the earlier ones too.
    """
    rng = np.random.default_rng(seed)
    if not all(isinstance(answer, str) for answer in gold):
        return cast(list[int], rng.permutation(len(gold)).tolist())
    labels, codes = np.unique(np.asarray(gold, dtype=object).astype(str), return_inverse=True)
    places = np.empty(len(codes))
    for code in range(len(labels)):
        members = np.flatnonzero(codes == code)
        # The i-th of n rows of a label is put at (i + u) / n: evenly spread, each label with a start of its own.
        places[rng.permutation(members)] = (np.arange(len(members)) + rng.random()) / len(members)
    order: list[int] = np.argsort(places, kind="stable").tolist()
    return order
