"""Active learning: which unlabelled items a person should label next.

Each function ranks items from arrays alone: probabilities of the present model, vectors of the items, or both.
"""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.int64]

_BLOCK = 1_000


def entropy(probabilities: Floats, *, several: bool = False) -> Floats:
    """Entropy of each prediction in nats, ``(n_items,)``.

    Args:
        probabilities: ``(n_items, n_labels)``.
        several: Labels are independent (multi-label): the sum of the entropies of all decisions.

    Source:
        Settles 2009, "Active Learning Literature Survey", section 3.1.

    Example:
        >>> entropy(np.array([[0.5, 0.5], [1.0, 0.0]])).round(4)
        array([0.6931, 0.    ])
    """
    p = np.clip(probabilities.astype(np.float64), 1e-12, 1.0)
    value = -(p * np.log(p)).sum(1)
    if several:
        q = np.clip(1 - probabilities.astype(np.float64), 1e-12, 1.0)
        value = value - (q * np.log(q)).sum(1)
    return np.asarray(value)


def margin(probabilities: Floats, *, several: bool = False) -> Floats:
    """1 minus the gap between the two most probable labels, ``(n_items,)``.

    With ``several`` labels: how near the least sure decision is to 0.5, from 0 to 1.

    Source:
        Scheffer, Decomain and Wrobel 2001, "Active Hidden Markov Models for Information Extraction".

    Example:
        >>> margin(np.array([[0.5, 0.3, 0.2], [0.9, 0.1, 0.0]])).round(4)
        array([0.8, 0.2])
    """
    if several:
        return np.asarray(1 - 2 * np.abs(probabilities - 0.5).min(1))
    if probabilities.shape[1] < 2:
        return np.zeros(len(probabilities))
    top = np.sort(probabilities, axis=1)[:, -2:]
    return np.asarray(1 - (top[:, 1] - top[:, 0]))


def unsure_per_word(probabilities: Floats, lengths: Ints) -> Floats:
    """1 minus the geometric mean of the words' probabilities, so that long sentences are not chosen for their length.

    Args:
        probabilities: Of all tags of each sentence together, ``(n_items,)``.
        lengths: Words of each sentence, ``(n_items,)``; an empty one is no reason to be unsure.

    Source:
        Shen et al. 2018, "Deep Active Learning for Named Entity Recognition" (maximum normalised log-probability).

    Example:
        >>> unsure_per_word(np.array([0.81, 0.5]), np.array([2, 1])).round(2)
        array([0.1, 0.5])
    """
    logs = np.log(np.clip(probabilities.astype(np.float64), 1e-300, 1.0)) / np.maximum(lengths, 1)
    return np.asarray(np.where(lengths > 0, 1 - np.exp(logs), 0.0))


def badge(probabilities: Floats, vectors: Floats, count: int, *, several: bool = False, seed: int = 0) -> Ints:
    """A diverse batch of uncertain items: k-means++ on the gradients that their predicted labels would give the head.

    Args:
        probabilities: ``(n_items, n_labels)``.
        vectors: Inputs of a linear head, ``(n_items, width)``.
        count: Items wanted.
        several: Labels are independent.
        seed: Seed of the draws.

    Source:
        Ash et al. 2020, "Deep Batch Active Learning by Diverse, Uncertain Gradient Lower Bounds". A gradient is the
        outer product of ``p - onehot(label)`` and the vector; distances between outer products need neither's product.
    """
    predicted = probabilities >= 0.5 if several else np.eye(probabilities.shape[1])[probabilities.argmax(1)]
    left = probabilities.astype(np.float64) - predicted
    right = vectors.astype(np.float64)
    norms = (left**2).sum(1) * (right**2).sum(1)
    rng = np.random.default_rng(seed)
    n_wanted = min(count, len(norms))
    if not n_wanted:
        return np.zeros(0, np.int64)
    chosen = [int(norms.argmax())]
    nearest = np.full(len(norms), np.inf)
    while len(chosen) < n_wanted:
        last = chosen[-1]
        products = (left @ left[last]) * (right @ right[last])
        nearest = np.minimum(nearest, np.maximum(norms + norms[last] - 2 * products, 0.0))
        nearest[chosen] = 0.0
        total = nearest.sum()
        if total > 0:
            chosen.append(int(rng.choice(len(norms), p=nearest / total)))
        else:  # all the rest equal a chosen item
            chosen.append(int(np.setdiff1d(np.arange(len(norms)), chosen)[0]))
    return np.asarray(chosen, dtype=np.int64)


def core_set(vectors: Floats, count: int, *, covered: Floats | None = None) -> Ints:
    """Items so that every item is near one that is labelled: greedy k-centre.

    Args:
        vectors: ``(n_items, width)``.
        count: Items wanted.
        covered: Vectors of items that are labelled already, ``(n_labelled, width)``; without them the item nearest to
            the mean is the first.

    Source:
        Sener and Savarese 2018, "Active Learning for Convolutional Neural Networks: A Core-Set Approach", algorithm 1.
    """
    points = vectors.astype(np.float64)
    n_wanted = min(count, len(points))
    if covered is not None and len(covered):
        nearest = np.full(len(points), np.inf)
        for start in range(0, len(covered), _BLOCK):
            nearest = np.minimum(nearest, _squared_distances(points, covered[start : start + _BLOCK]).min(1))
        chosen: list[int] = []
    elif n_wanted:
        chosen = [int(((points - points.mean(0)) ** 2).sum(1).argmin())]
        nearest = ((points - points[chosen[0]]) ** 2).sum(1)
    else:
        return np.zeros(0, np.int64)
    selected = np.zeros(len(points), dtype=bool)
    selected[chosen] = True
    while len(chosen) < n_wanted:
        item = int(np.where(selected, -1.0, nearest).argmax())
        chosen.append(item)
        selected[item] = True
        nearest = np.minimum(nearest, ((points - points[item]) ** 2).sum(1))
    return np.asarray(chosen, dtype=np.int64)


def _squared_distances(points: Floats, others: Floats) -> Floats:
    others = others.astype(np.float64)
    products = points @ others.T
    return np.asarray(np.maximum((points**2).sum(1)[:, None] + (others**2).sum(1)[None, :] - 2 * products, 0.0))


def expected_cost(probabilities: Floats, costs: Floats | None = None) -> Floats:
    """Expected cost of the best answer to each item, ``(n_items,)``: what a label could at most save there.

    Args:
        probabilities: ``(n_items, n_labels)``.
        costs: Cost by gold label (row) and answer (column); ``None``: an error costs 1.

    Example:
        >>> sure = np.array([[0.7, 0.3]])
        >>> expected_cost(sure).round(4), expected_cost(sure, np.array([[0, 1], [5, 0]])).round(4)
        (array([0.3]), array([0.7]))
    """
    if costs is None:
        return np.asarray(1 - probabilities.max(1))
    return np.asarray((probabilities @ costs).min(1))


def value_of_labels(risks: Floats, vectors: Floats, count: int) -> tuple[Ints, Floats]:
    """Items whose labels bear on the most expected cost, and how much each bears on beyond those before it.

    A label is taken to settle the part ``k(i, j)`` of the expected cost of each item j, with k the square of the cosine
    of the centred vectors (0 where it is negative). The sum over items is submodular, so the greedy choice reaches
    at least 63 % of the best set. As an estimate of what is saved it is generous: a label says nothing for sure about
    other items.

    Args:
        risks: Expected cost of the present answer to each item, ``(n_items,)``; see ``expected_cost``.
        vectors: ``(n_items, width)``.
        count: Items wanted.

    Returns:
        Positions, best first, and for each the mean over all items of the cost that it bears on, in the unit of
        ``risks``.

    Source:
        Kapoor, Horvitz and Basu 2007, "Selective Supervision: Guiding Supervised Learning with Decision-Theoretic
        Active Learning", for the value of information; Nemhauser et al. 1978 for greedy choice; Minoux 1978 for its
        lazy form.
    """
    n_items = len(risks)
    centred = vectors.astype(np.float64) - vectors.astype(np.float64).mean(0) if n_items else vectors
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    left = risks.astype(np.float64).copy()

    def reach(item: int) -> Floats:
        similar = np.maximum(unit @ unit[item], 0.0) ** 2
        similar[item] = 1.0
        return np.asarray(similar)

    bounds = np.zeros(n_items)
    for start in range(0, n_items, _BLOCK):
        bounds[start : start + _BLOCK] = (np.maximum(unit[start : start + _BLOCK] @ unit.T, 0.0) ** 2) @ left
    heap = [(-bound, item) for item, bound in enumerate(bounds.tolist())]
    heapq.heapify(heap)
    chosen: list[int] = []
    values: list[float] = []
    while heap and len(chosen) < count:
        _, item = heapq.heappop(heap)
        similar = reach(item)
        value = float(similar @ left)
        if heap and value < -heap[0][0] - 1e-12:  # its value has fallen: it is looked at again after the others
            heapq.heappush(heap, (-value, item))
            continue
        chosen.append(item)
        values.append(value / n_items)
        left *= 1 - similar
    return np.asarray(chosen, dtype=np.int64), np.asarray(values)
