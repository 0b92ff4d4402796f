"""Kneser-Ney smoothed n-gram language model (interpolated, modified), in sorted arrays.

    p_k(w | h) = max(c(hw) - D_k(c), 0) / c(h·)  +  γ_k(h) · p_{k-1}(w | h')        p_0 = 1 / (tokens there are)
    γ_k(h) = (D_k1 N_1(h·) + D_k2 N_2(h·) + D_k3 N_3+(h·)) / c(h·)

h' is h without its oldest token; c is the count of hw at the highest order, below it the continuation count: how many
different tokens precede hw (unless hw starts a text). An n-gram is stored as one number: the index of its first n-1
tokens among the (n-1)-grams, times the size of the vocabulary, plus its last token. So a whole text is looked up with
one binary search per order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
Array = npt.NDArray[Any]

BEGIN = 0
"""Start token; never predicted."""
END = 1
FIRST = 2
"""Lowest id of a token."""


class KneserNey:
    """An n-gram language model. Memory: about 20 bytes for each distinct n-gram of each order."""

    def __init__(self, order: int, size: int, keys: Sequence[Array], counts: Sequence[Array]) -> None:
        """From the counts of ``fitted``.

        Args:
            order: Length of the longest n-grams.
            size: Vocabulary size, ``BEGIN`` and ``END`` included.
            keys: For each order the sorted n-grams, int64; those of order 1 are all ids.
            counts: For each order the (continuation) count of each n-gram.
        """
        self.order = order
        self.size = size
        self.keys = [np.asarray(of_order, dtype=np.int64) for of_order in keys]
        self.counts = [np.asarray(of_order, dtype=np.int32) for of_order in counts]
        self.discounts = [_discounts(of_order) for of_order in self.counts]
        self.weights = [np.maximum(count - discount[np.minimum(count, 3)], 0) for count, discount in self._pairs()]
        self.totals, self.backoff = self._contexts()

    def _pairs(self) -> list[tuple[Array, Array]]:
        return list(zip(self.counts, self.discounts, strict=True))

    def _contexts(self) -> tuple[list[Array], list[Array]]:
        totals, backoff = [], []
        for k in range(self.order):
            context = self.keys[k] // self.size
            n_contexts = len(self.keys[k - 1]) if k else 1
            total = np.bincount(context, weights=self.counts[k], minlength=n_contexts)
            discounted = np.bincount(context, weights=self.weights[k], minlength=n_contexts)
            totals.append(total)
            backoff.append(np.divide(total - discounted, total, out=np.ones(n_contexts), where=total > 0))
        return totals, backoff

    def log_probabilities(self, sequences: Sequence[Ids]) -> list[npt.NDArray[np.float64]]:
        """Natural log probability of each token of each sequence, and of its end: ``(len + 1,)`` each."""
        stream, starts = _stream(sequences, self.order)
        share = np.full(len(stream), 1 / (self.size - 1))
        contexts = np.zeros(len(stream), dtype=np.int64)  # index of the (k-1)-gram that ends one before; -1: unseen
        for k in range(self.order):
            grams = self._index(k, contexts, stream)
            known = np.flatnonzero(contexts >= 0)
            context = contexts[known]
            known, context = known[self.totals[k][context] > 0], context[self.totals[k][context] > 0]
            gram = grams[known]
            own = np.where(gram >= 0, self.weights[k][gram], 0) / self.totals[k][context]
            share[known] = own + self.backoff[k][context] * share[known]
            contexts = np.concatenate([[-1], grams[:-1]])
        logs = np.log(share)
        before = self.order - 1
        return [
            logs[start + before : start + before + len(sequence) + 1]
            for start, sequence in zip(starts, sequences, strict=True)
        ]

    def _index(self, k: int, contexts: Ids, last: Ids) -> Ids:
        """Indices of (k+1)-grams; -1: unseen."""
        if not len(self.keys[k]):
            return np.full(len(last), -1, dtype=np.int64)
        keys = contexts * self.size + last
        index = np.minimum(np.searchsorted(self.keys[k], keys), len(self.keys[k]) - 1)
        return np.where((contexts >= 0) & (self.keys[k][index] == keys), index, -1)

    def begin(self) -> list[int]:
        """The state before the first token: for each order the index of the context, -1 where unseen."""
        return self.after([0, *[-1] * (self.order - 1)], [BEGIN] * (self.order - 1))

    def after(self, state: Sequence[int], tokens: Sequence[int]) -> list[int]:
        """The state after further tokens."""
        now = list(state)
        for token in tokens:
            now = [0, *(self._index_of(k, now[k], token) for k in range(self.order - 1))]
        return now

    def _index_of(self, k: int, context: int, last: int) -> int:
        key = context * self.size + last
        index = int(self.keys[k].searchsorted(key)) if context >= 0 else len(self.keys[k])
        return index if index < len(self.keys[k]) and self.keys[k][index] == key else -1

    def distribution(self, state: Sequence[int]) -> npt.NDArray[np.float64]:
        """Probability of each next token, ``(size,)``."""
        share = np.full(self.size, 1 / (self.size - 1))
        share[BEGIN] = 0.0
        for k, context in enumerate(state):
            if context < 0 or self.totals[k][context] == 0:
                continue
            low, high = self._grams_of(k, context)
            share *= self.backoff[k][context]
            share[self.keys[k][low:high] % self.size] += self.weights[k][low:high] / self.totals[k][context]
        return share

    def _grams_of(self, k: int, context: int) -> tuple[int, int]:
        """Slice of the (k+1)-grams that start with a context."""
        low, high = self.keys[k].searchsorted([context * self.size, (context + 1) * self.size]).tolist()
        return low, high

    def sample(self, state: Sequence[int], rng: np.random.Generator) -> int:
        """The next token, sampled from ``distribution`` without computing all of it."""
        for k in range(self.order - 1, -1, -1):
            context = state[k]
            if context < 0 or self.totals[k][context] == 0 or rng.random() < self.backoff[k][context]:
                continue
            low, high = self._grams_of(k, context)
            mass = self._mass[k]
            floor = mass[low - 1] if low else 0.0
            chosen = int(mass.searchsorted(floor + rng.random() * (mass[high - 1] - floor), side="right"))
            return int(self.keys[k][min(chosen, high - 1)] % self.size)
        return int(rng.integers(1, self.size))

    @cached_property
    def _mass(self) -> list[npt.NDArray[np.float64]]:
        """Cumulative sums of the weights of each order."""
        return [np.cumsum(of_order) for of_order in self.weights]

    def size_bytes(self) -> int:
        """Bytes of all arrays."""
        parts = (self.keys, self.counts, self.weights, self.totals, self.backoff)
        return sum(array.nbytes for part in parts for array in part)

    def arrays(self, name: str) -> dict[str, Array]:
        """What ``from_arrays`` needs, each under a name that starts with ``name``."""
        keys = {f"{name}.keys.{k}": self.keys[k] for k in range(self.order)}
        return keys | {f"{name}.counts.{k}": self.counts[k] for k in range(self.order)}


def from_arrays(arrays: Mapping[str, Array], name: str, order: int, size: int) -> KneserNey:
    """A model from the arrays of ``KneserNey.arrays``.

    Raises:
        ValueError: an n-gram has no context, or no count; memory is allocated for as many contexts as keys name.
    """
    keys, counts = ([arrays[f"{name}.{kind}.{k}"] for k in range(order)] for kind in ("keys", "counts"))
    n_contexts = 1
    for of_order, counted in zip(keys, counts, strict=True):
        if of_order.ndim != 1 or of_order.shape != counted.shape or (counted < 0).any():
            raise ValueError(f"{name} has not one count for each n-gram")
        if len(of_order) and (of_order[0] < 0 or of_order[-1] // size >= n_contexts or (np.diff(of_order) <= 0).any()):
            raise ValueError(f"{name} has n-grams without a context, or in another order")
        n_contexts = len(of_order)
    return KneserNey(order, size, keys, counts)


def fitted(sequences: Sequence[Ids], *, order: int, size: int) -> KneserNey:
    """The model of some sequences.

    Args:
        sequences: Token ids from ``FIRST`` to ``size - 1``, without start and end token.
        order: Length of the longest n-grams, at least 1.
        size: Vocabulary size, ``BEGIN`` and ``END`` included.

    Source:
        Chen & Goodman 1999, "An Empirical Study of Smoothing Techniques for Language Modeling"; discounts and the
        counts at the start of a text as in KenLM (Heafield et al. 2013).
    """
    stream, starts = _stream(sequences, order)
    offset = np.arange(len(stream)) - np.repeat(starts, np.diff([*starts, len(stream)]))
    event = stream != BEGIN
    keys: list[Array] = [np.arange(size, dtype=np.int64)]
    grams = [stream]  # for each order the index of the n-gram that ends at each position
    for k in range(1, order):
        ends = np.flatnonzero(offset >= k)
        distinct, index = np.unique(grams[-1][ends - 1] * size + stream[ends], return_inverse=True)
        keys.append(distinct)
        of_order = np.full(len(stream), -1, dtype=np.int64)
        of_order[ends] = index
        grams.append(of_order)
    counts: list[Array] = []
    for k in range(order):
        occurrences = np.bincount(grams[k][event], minlength=len(keys[k]))
        if k + 1 < order:
            # Continuation counts: each distinct longer n-gram counts once for the n-gram it ends with.
            suffix = np.full(len(keys[k + 1]), -1, dtype=np.int64)
            suffix[grams[k + 1][event]] = grams[k][event]
            before = np.bincount(suffix[suffix >= 0], minlength=len(keys[k]))
            begins = np.zeros(len(keys[k]), dtype=bool)
            begins[grams[k][event][stream[np.flatnonzero(event) - k] == BEGIN]] = True
            occurrences = np.where(begins, occurrences, before)
        counts.append(occurrences)
    return KneserNey(order, size, keys, counts)


def _stream(sequences: Sequence[Ids], order: int) -> tuple[Ids, Ids]:
    """All sequences concatenated, each after ``order - 1`` start tokens and before an end token, and their starts."""
    begin, end = np.full(order - 1, BEGIN, dtype=np.int64), np.array([END], dtype=np.int64)
    pieces = [piece for ids in sequences for piece in (begin, np.asarray(ids, dtype=np.int64), end)]
    lengths = [order + len(ids) for ids in sequences]
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64) if lengths else np.zeros(0, dtype=np.int64)
    return (np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.int64)), starts


def _discounts(counts: Array) -> npt.NDArray[np.float64]:
    """Discounts of counts 0, 1, 2, and 3 or more; 1/2, 1 and 3/2 where there are too few counts to estimate them."""
    n1, n2, n3, n4 = (int((counts == times).sum()) for times in (1, 2, 3, 4))
    fixed = np.array([0.0, 0.5, 1.0, 1.5])
    if not (n1 and n2 and n3 and n4):
        return fixed
    share = n1 / (n1 + 2 * n2)
    estimated = np.array([0.0, 1 - 2 * share * n2 / n1, 2 - 3 * share * n3 / n2, 3 - 4 * share * n4 / n3])
    within = (estimated[1:] > 0).all() and (estimated[1:] <= [1, 2, 3]).all()
    return estimated if within else fixed
