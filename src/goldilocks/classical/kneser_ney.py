"""Interpolated modified Kneser-Ney smoothing over sequences of numbers, in sorted arrays.

    p_k(w | h) = max(c(hw) - D_k(c), 0) / c(h·)  +  γ_k(h) · p_{k-1}(w | h')        p_0 = 1 / (tokens there are)
    γ_k(h) = (D_k1 N_1(h·) + D_k2 N_2(h·) + D_k3 N_3+(h·)) / c(h·)

h' is h without its oldest token; c is how often hw occurs, and below the highest order how many different tokens stand
before it (unless hw begins a text). An n-gram is one number: the place of its first n-1 tokens among the (n-1)-grams,
times the size of the vocabulary, plus its last token. So a whole text is looked up with one binary search per order.
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
"""Stands before the first token; never predicted."""
END = 1
FIRST = 2
"""First number of a token."""


class KneserNey:
    """An n-gram model. Memory: about 20 bytes for each different n-gram of each order."""

    def __init__(self, order: int, size: int, keys: Sequence[Array], counts: Sequence[Array]) -> None:
        """From counts as ``fitted`` makes them.

        Args:
            order: Length of the longest n-grams.
            size: Numbers in use, ``BEGIN`` and ``END`` among them.
            keys: For each order the sorted n-grams, int64; those of order 1 are all numbers.
            counts: For each order how often (see above) each n-gram counts.
        """
        self.order = order
        self.size = size
        self.keys = [np.asarray(one, dtype=np.int64) for one in keys]
        self.counts = [np.asarray(one, dtype=np.int32) for one in counts]
        self.discounts = [_discounts(one) for one in self.counts]
        self.weights = [np.maximum(one - cut[np.minimum(one, 3)], 0) for one, cut in self._pairs()]
        self.totals, self.backoff = self._contexts()

    def _pairs(self) -> list[tuple[Array, Array]]:
        return list(zip(self.counts, self.discounts, strict=True))

    def _contexts(self) -> tuple[list[Array], list[Array]]:
        totals, backoff = [], []
        for k in range(self.order):
            context = self.keys[k] // self.size
            n_contexts = len(self.keys[k - 1]) if k else 1
            whole = np.bincount(context, weights=self.counts[k], minlength=n_contexts)
            kept = np.bincount(context, weights=self.weights[k], minlength=n_contexts)
            totals.append(whole)
            backoff.append(np.divide(whole - kept, whole, out=np.ones(n_contexts), where=whole > 0))
        return totals, backoff

    def log_probabilities(self, sequences: Sequence[Ids]) -> list[npt.NDArray[np.float64]]:
        """Natural log probability of each token of each sequence, and of its end: ``(len + 1,)`` each."""
        stream, starts = _stream(sequences, self.order)
        share = np.full(len(stream), 1 / (self.size - 1))
        there = np.zeros(len(stream), dtype=np.int64)  # place of the (k-1)-gram that ends one before; -1: unseen
        for k in range(self.order):
            found = self._place(k, there, stream)
            known = np.flatnonzero(there >= 0)
            context = there[known]
            known, context = known[self.totals[k][context] > 0], context[self.totals[k][context] > 0]
            gram = found[known]
            own = np.where(gram >= 0, self.weights[k][gram], 0) / self.totals[k][context]
            share[known] = own + self.backoff[k][context] * share[known]
            there = np.concatenate([[-1], found[:-1]])
        logs = np.log(share)
        before = self.order - 1
        return [
            logs[start + before : start + before + len(one) + 1] for start, one in zip(starts, sequences, strict=True)
        ]

    def _place(self, k: int, contexts: Ids, last: Ids) -> Ids:
        """Where the (k+1)-grams stand; -1: nowhere."""
        if not len(self.keys[k]):
            return np.full(len(last), -1, dtype=np.int64)
        wanted = contexts * self.size + last
        place = np.minimum(np.searchsorted(self.keys[k], wanted), len(self.keys[k]) - 1)
        return np.where((contexts >= 0) & (self.keys[k][place] == wanted), place, -1)

    def begin(self) -> list[int]:
        """Where a text stands before its first token: for each order the place of the context, -1 where unseen."""
        return self.after([0, *[-1] * (self.order - 1)], [BEGIN] * (self.order - 1))

    def after(self, places: Sequence[int], tokens: Sequence[int]) -> list[int]:
        """Where a text stands after further tokens."""
        now = list(places)
        for token in tokens:
            now = [0, *(self._one_place(k, now[k], token) for k in range(self.order - 1))]
        return now

    def _one_place(self, k: int, context: int, last: int) -> int:
        wanted = context * self.size + last
        place = int(self.keys[k].searchsorted(wanted)) if context >= 0 else len(self.keys[k])
        return place if place < len(self.keys[k]) and self.keys[k][place] == wanted else -1

    def distribution(self, places: Sequence[int]) -> npt.NDArray[np.float64]:
        """Probability of each number at the place where a text stands, ``(size,)``."""
        share = np.full(self.size, 1 / (self.size - 1))
        share[BEGIN] = 0.0
        for k, context in enumerate(places):
            if context < 0 or self.totals[k][context] == 0:
                continue
            low, high = self._grams_of(k, context)
            share *= self.backoff[k][context]
            share[self.keys[k][low:high] % self.size] += self.weights[k][low:high] / self.totals[k][context]
        return share

    def _grams_of(self, k: int, context: int) -> tuple[int, int]:
        """First and behind the last of the (k+1)-grams that begin with a context."""
        low, high = self.keys[k].searchsorted([context * self.size, (context + 1) * self.size]).tolist()
        return low, high

    def sample(self, places: Sequence[int], rng: np.random.Generator) -> int:
        """One token, drawn from the distribution at the place where a text stands."""
        for k in range(self.order - 1, -1, -1):
            context = places[k]
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
        """Running sums of the weights of each order."""
        return [np.cumsum(one) for one in self.weights]

    def size_bytes(self) -> int:
        """Bytes of all arrays."""
        return sum(one.nbytes for part in (self.keys, self.counts, self.weights) for one in part) + sum(
            one.nbytes for part in (self.totals, self.backoff) for one in part
        )

    def arrays(self, name: str) -> dict[str, Array]:
        """What ``from_arrays`` needs, each under a name that begins with ``name``."""
        found = {f"{name}.keys.{k}": self.keys[k] for k in range(self.order)}
        return found | {f"{name}.counts.{k}": self.counts[k] for k in range(self.order)}


def from_arrays(arrays: Mapping[str, Array], name: str, order: int, size: int) -> KneserNey:
    """What ``KneserNey.arrays`` gave."""
    keys, counts = ([arrays[f"{name}.{kind}.{k}"] for k in range(order)] for kind in ("keys", "counts"))
    return KneserNey(order, size, keys, counts)


def fitted(sequences: Sequence[Ids], *, order: int, size: int) -> KneserNey:
    """Count sequences.

    Args:
        sequences: Tokens from ``FIRST`` to ``size - 1``, without begin and end.
        order: Length of the longest n-grams, at least 1.
        size: Numbers in use, ``BEGIN`` and ``END`` among them.

    Source:
        Chen & Goodman 1999, "An Empirical Study of Smoothing Techniques for Language Modeling"; discounts and the
        counts at the begin of a text as in KenLM (Heafield et al. 2013).
    """
    stream, starts = _stream(sequences, order)
    offset = np.arange(len(stream)) - np.repeat(starts, np.diff([*starts, len(stream)]))
    event = stream != BEGIN
    keys: list[Array] = [np.arange(size, dtype=np.int64)]
    grams = [stream]  # for each order the place of the n-gram that ends at each position
    for k in range(1, order):
        ends = np.flatnonzero(offset >= k)
        found, place = np.unique(grams[-1][ends - 1] * size + stream[ends], return_inverse=True)
        keys.append(found)
        here = np.full(len(stream), -1, dtype=np.int64)
        here[ends] = place
        grams.append(here)
    counts: list[Array] = []
    for k in range(order):
        occurrences = np.bincount(grams[k][event], minlength=len(keys[k]))
        if k + 1 < order:
            # Any one occurrence of each longer n-gram: as many as there are different tokens before this one.
            one = np.full(len(keys[k + 1]), -1, dtype=np.int64)
            one[grams[k + 1][event]] = grams[k][event]
            before = np.bincount(one[one >= 0], minlength=len(keys[k]))
            begins = np.zeros(len(keys[k]), dtype=bool)
            begins[grams[k][event][stream[np.flatnonzero(event) - k] == BEGIN]] = True
            occurrences = np.where(begins, occurrences, before)
        counts.append(occurrences)
    return KneserNey(order, size, keys, counts)


def _stream(sequences: Sequence[Ids], order: int) -> tuple[Ids, Ids]:
    """All sequences in one, each between ``order - 1`` begins and an end, and where each starts."""
    begin, end = np.full(order - 1, BEGIN, dtype=np.int64), np.array([END], dtype=np.int64)
    pieces = [piece for one in sequences for piece in (begin, np.asarray(one, dtype=np.int64), end)]
    lengths = [order + len(one) for one in sequences]
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64) if lengths else np.zeros(0, dtype=np.int64)
    return (np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.int64)), starts


def _discounts(counts: Array) -> npt.NDArray[np.float64]:
    """What is taken from counts of 0, 1, 2, and 3 or more; where there are too few to estimate it, 1/2, 1 and 3/2."""
    n1, n2, n3, n4 = (int((counts == times).sum()) for times in (1, 2, 3, 4))
    fixed = np.array([0.0, 0.5, 1.0, 1.5])
    if not (n1 and n2 and n3 and n4):
        return fixed
    share = n1 / (n1 + 2 * n2)
    found = np.array([0.0, 1 - 2 * share * n2 / n1, 2 - 3 * share * n3 / n2, 3 - 4 * share * n4 / n3])
    within = (found[1:] > 0).all() and (found[1:] <= [1, 2, 3]).all()
    return found if within else fixed
