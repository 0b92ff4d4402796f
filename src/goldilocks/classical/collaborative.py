"""Collaborative filtering on implicit feedback: neighbours of items, and matrix factorisation.

Both see a table of histories and items, 1 where an item belongs to a history, and score an item for a new history that
is a set of known items.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

Array = npt.NDArray[np.float32]

NEIGHBOURS = 100
"""Neighbours kept of each item."""
SHRINKAGE = 10.0
"""Added to the norm of a pair, so that two items met a few times are not taken for alike."""
FACTORS = 32
CONFIDENCE = 10.0
"""Weight of an item in a history, where one that is not there weighs 1 (alpha of the paper, plus 1)."""
PENALTY = 10.0
SWEEPS = 8
_ROWS = 1_000
"""Items whose neighbours are found at once."""


def neighbours(table: sp.csr_array) -> sp.csr_array:
    """Cosine of each item with its most alike others, ``(n_items, n_items)``.

    Source:
        Sarwar et al. 2001, "Item-Based Collaborative Filtering Recommendation Algorithms", with a shrunk cosine.
    """
    sizes = np.sqrt(np.asarray(table.sum(0), dtype=np.float64).ravel())
    turned = table.T.tocsr()
    parts = []
    for start in range(0, table.shape[1], _ROWS):
        together = (turned[start : start + _ROWS] @ table).toarray().astype(np.float64)
        rows = np.arange(len(together))
        together[rows, rows + start] = 0
        alike = together / (np.outer(sizes[start : start + _ROWS], sizes) + SHRINKAGE)
        if alike.shape[1] > NEIGHBOURS:
            minimum = np.partition(alike, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS, None]
            alike[alike < minimum] = 0
        parts.append(sp.csr_array(alike.astype(np.float32)))
    return sp.vstack(parts, format="csr")


def factors(table: sp.csr_array, *, seed: int) -> Array:
    """Factors of the items, ``(n_items, FACTORS)``, by alternating least squares.

    Source:
        Hu, Koren & Volinsky 2008, "Collaborative Filtering for Implicit Feedback Datasets".
    """
    rng = np.random.default_rng(seed)
    items = (rng.normal(size=(table.shape[1], FACTORS)) * 0.1).astype(np.float32)
    turned = table.T.tocsr()
    for _ in range(SWEEPS):
        items = _solved(turned, _solved(table, items))
    return items


def _solved(table: sp.csr_array, others: Array) -> Array:
    """Factors of the rows of a table, given those of its columns."""
    square = others.T @ others + PENALTY * np.eye(others.shape[1], dtype=np.float32)
    columns = [table.indices[start:end] for start, end in zip(table.indptr, table.indptr[1:], strict=False)]
    return np.stack([_folded(square, others[places]) for places in columns])


def _folded(square: Array, own: Array) -> Array:
    if not len(own):
        return np.zeros(len(square), dtype=np.float32)
    lifted = square + (CONFIDENCE - 1) * (own.T @ own)
    factors: Array = np.linalg.solve(lifted, CONFIDENCE * own.sum(0)).astype(np.float32)
    return factors


def factor_scores(items: Array, square: Array, history: Sequence[int]) -> Array:
    """Score of every item for a history; ``square`` is ``penalised_square(items)``."""
    scores: Array = items @ _folded(square, items[list(history)])
    return scores


def penalised_square(items: Array) -> Array:
    """What folding a history in needs of all items."""
    square: Array = (items.T @ items + PENALTY * np.eye(items.shape[1])).astype(np.float32)
    return square


class ItemIndex:
    """Known items, and where a text mentions them."""

    def __init__(self, items: Sequence[str]) -> None:
        """Items in the order of their numbers."""
        self.items = list(items)
        self.number = {item: number for number, item in enumerate(self.items)}
        self._starting: dict[str, list[str]] = {}
        for item in sorted(self.items, key=len, reverse=True):  # the longest first
            if item.strip():
                self._starting.setdefault(item[:_KEY], []).append(item)
        self._keys = sorted({len(key) for key in self._starting}, reverse=True)

    def mentioned(self, text: str) -> list[int]:
        """Numbers of the items that occur in a text as whole words, in their order, each once; the longest counts.

        Example:
            >>> ItemIndex(["Heat (1995)", "Heat", "Babe"]).mentioned("Babe; Heat (1995); Heater")
            [2, 0]
        """
        mentioned: dict[int, None] = {}
        place = 0
        while place < len(text):
            item = self._at(text, place) if _edge(text, place) else None
            if item is not None:
                mentioned[self.number[item]] = None
            place += 1 if item is None else len(item)
        return list(mentioned)

    def _at(self, text: str, place: int) -> str | None:
        for length in self._keys:
            for item in self._starting.get(text[place : place + length], ()):
                if text.startswith(item, place) and _edge(text, place + len(item)):
                    return item
        return None


_KEY = 4
"""Characters by which items are looked up."""


def _edge(text: str, place: int) -> bool:
    """Whether no word goes on over a place."""
    return place in (0, len(text)) or not (text[place - 1].isalnum() and text[place].isalnum())
