"""Ranked retrieval: candidates in the order of their scores, equal scores together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def tied(relevance: Array, scores: Sequence[float]) -> Iterator[tuple[int, Array]]:
    """Best first, the relevance of candidates with equal scores, and how many candidates are ranked before them.

    Example:
        >>> [(before, gains.tolist()) for before, gains in tied(np.array([1.0, 0.0, 2.0]), (0.5, 0.9, 0.5))]
        [(0, [0.0]), (1, [1.0, 2.0])]
    """
    ranked = np.asarray(scores, dtype=np.float64)
    before = 0
    for value in np.unique(ranked)[::-1]:
        members = relevance[ranked == value]
        yield before, members
        before += len(members)


def recall(relevance: Array, scores: Sequence[float], depth: int) -> float:
    """The share of the relevant candidates among the first ``depth``, the mean over the orders of equal scores.

    Example:
        >>> recall(np.array([1.0, 0.0, 2.0]), (0.5, 0.9, 0.5), 2)
        0.5
    """
    gain = sum(
        float((group > 0).sum()) * min(len(group), max(0, depth - before)) / len(group)
        for before, group in tied(relevance, scores)
    )
    return gain / float((relevance > 0).sum())


def recall_at(
    gold: Sequence[float | Sequence[float]], predicted: Sequence[float | Sequence[float]], *, depth: int
) -> npt.NDArray[np.float32]:
    """``(recall, 1)`` for each query, shape ``(n_items, 2)``; zeros where nothing is relevant."""
    return per_item(gold, predicted, lambda relevance, scores: recall(relevance, scores, depth))


def per_item(
    gold: Sequence[float | Sequence[float]],
    predicted: Sequence[float | Sequence[float]],
    worth: Callable[[Array, Sequence[float]], float],
) -> npt.NDArray[np.float32]:
    """``(worth of the ranking, 1)`` for each item, ``(0, 0)`` where no candidate is relevant; ``(n_items, 2)``."""
    summands = np.zeros((len(gold), 2), dtype=np.float32)
    for row, (right, given) in enumerate(zip(gold, predicted, strict=True)):
        relevance = np.atleast_1d(np.asarray(right, dtype=np.float64))
        if (relevance > 0).any():
            summands[row] = worth(relevance, np.atleast_1d(np.asarray(given, dtype=np.float64)).tolist()), 1
    return summands


def mean(sums: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Worth / items that count, for each row of ``sums``; 0 where none does."""
    worth, n_items = np.asarray(sums, dtype=np.float64).T
    return np.asarray(np.divide(worth, n_items, out=np.zeros_like(worth), where=n_items > 0))
