"""Linear model over dense and sparse features at once, with a penalty for each, for labels, numbers and rankings.

    scores = dense @ W + sparse @ V + b
    minimise  mean loss + (|W|² / C_dense + |V|² / C_sparse) / 2n

The losses: cross entropy of labels (softmax, or a sigmoid each), squared error of numbers, listwise cross entropy of
candidates (Cao et al. 2007, ListNet). Both strengths are chosen on held-out rows, the dense one first; a strength of 0
leaves the sparse features out. Solved by L-BFGS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer]
Loss = Callable[[Floats], tuple[float, Floats]]
"""Scores ``(n_rows, width)`` -> the mean loss, and its gradient of the same shape."""

DENSE_STRENGTHS = (0.003, 0.03, 0.3)
SPARSE_STRENGTHS = (1.0, 10.0)
FOLDS = 3
FEW = 1_000
"""Rows up to which every fold is held out in turn; of more rows one fold is."""
STEPS = 40


@dataclass(frozen=True, slots=True)
class Standardisation:
    """Mean and deviation of the dense features in the training rows."""

    mean: Floats
    """``(n_dense,)``."""
    deviation: Floats
    """``(n_dense,)``; 1 where a feature is constant."""

    def __post_init__(self) -> None:
        """Refuse what turns features into infinities or NaN.

        Raises:
            ValueError: a deviation is not positive, or a value not finite.
        """
        if not (np.isfinite(self.mean).all() and np.isfinite(self.deviation).all() and (self.deviation > 0).all()):
            raise ValueError("the means or deviations of the features are not finite and positive")

    @classmethod
    def of(cls, values: Floats) -> Standardisation:
        """That of training rows ``(n_rows, n_dense)``."""
        deviation = values.std(0)
        return cls(values.mean(0), np.where(deviation > 1e-9, deviation, 1.0))

    @classmethod
    def none(cls, n_dense: int) -> Standardisation:
        """One that changes nothing, before training."""
        return cls(np.zeros(n_dense), np.ones(n_dense))

    def apply(self, values: Floats, *, limit: float = np.inf) -> Floats:
        """Values with mean 0 and deviation 1 in training, kept within ``limit`` deviations."""
        scaled: Floats = (values - self.mean) / self.deviation
        return scaled if limit == np.inf else np.clip(scaled, -limit, limit)

    def arrays(self) -> dict[str, Floats]:
        """The arrays to store."""
        return {"mean": self.mean, "deviation": self.deviation}


@dataclass(frozen=True, slots=True)
class Features:
    """Features of pairs; the candidates of one list are consecutive rows."""

    dense: Floats
    """``(n_rows, n_dense)``."""
    sparse: sp.csr_array
    """``(n_rows, n_sparse)``."""

    def part(self, rows: Ints) -> Features:
        """Some rows."""
        return Features(self.dense[rows], self.sparse[rows])


@dataclass(frozen=True, slots=True)
class Weights:
    """A solution; see the module."""

    dense: Floats
    sparse: Floats
    bias: Floats

    @classmethod
    def zero(cls, n_dense: int, width: int) -> Weights:
        """Those before training: every row scores 0."""
        return cls(np.zeros((n_dense, width)), np.zeros((0, width)), np.zeros(width))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Weights:
        """What ``arrays`` gave."""
        return cls(arrays["dense"], arrays["sparse"].astype(np.float64), arrays["bias"])

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Name -> array, for a file; the sparse ones in float32."""
        return {"dense": self.dense, "sparse": self.sparse.astype(np.float32), "bias": self.bias}

    def scores(self, features: Features) -> Floats:
        """``(n_rows, width)``."""
        scores: Floats = features.dense @ self.dense + self.bias
        if self.sparse.any():
            scores = scores + features.sparse @ self.sparse
        return scores


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be learnt from items that are one or more rows each."""

    width: int
    """Scores of a row."""
    n_items: int
    rows: Callable[[Ints], Ints]
    """Items -> their rows, in order."""
    loss: Callable[[Ints], Loss]
    """Items -> the loss of their rows."""


def chosen(features: Features, goal: Goal, *, seed: int) -> Weights:
    """The weights with the strengths that lose least on held-out items."""
    dense, sparse = DENSE_STRENGTHS[1], 0.0
    if goal.n_items >= 2 * FOLDS:
        order = np.random.default_rng(seed).permutation(goal.n_items)
        folds = [np.sort(fold) for fold in np.array_split(order, FOLDS)]
        held_out = _HeldOut(features, goal, folds if goal.n_items <= FEW else folds[:1])
        dense = min(DENSE_STRENGTHS, key=lambda strength: held_out.loss(strength, 0.0))
        if features.sparse.nnz:
            sparse = min((0.0, *SPARSE_STRENGTHS), key=lambda strength: held_out.loss(dense, strength))
    return solved(features, goal, np.arange(goal.n_items), dense, sparse)


@dataclass(frozen=True, slots=True)
class _HeldOut:
    features: Features
    goal: Goal
    folds: Sequence[Ints]

    def loss(self, dense: float, sparse: float) -> float:
        losses = []
        for fold in self.folds:
            rest = np.setdiff1d(np.arange(self.goal.n_items), fold)
            weights = solved(self.features, self.goal, rest, dense, sparse)
            losses.append(self.goal.loss(fold)(weights.scores(self.features.part(self.goal.rows(fold))))[0])
        return float(np.mean(losses))


def solved(features: Features, goal: Goal, items: Ints, dense: float, sparse: float) -> Weights:
    """The weights for some items at given strengths."""
    from scipy.optimize import minimize

    part, loss = features.part(goal.rows(items)), goal.loss(items)
    n_dense, n_sparse = part.dense.shape[1], part.sparse.shape[1] if sparse else 0
    table = part.sparse.astype(np.float64) if sparse else None
    turned = table.T.tocsr() if table is not None else None
    shape = (n_dense + n_sparse + 1, goal.width)
    penalty = np.zeros((shape[0], 1))
    penalty[:n_dense] = 1 / (dense * len(items))
    penalty[n_dense:-1] = 1 / (sparse * len(items)) if sparse else 0.0

    def objective(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(shape)
        scores = part.dense @ weights[:n_dense] + weights[-1]
        if table is not None:
            scores = scores + table @ weights[n_dense:-1]
        value, slope = loss(scores)
        gradient = penalty * weights
        value += 0.5 * float((gradient * weights).sum())
        gradient[:n_dense] += part.dense.T @ slope
        if turned is not None:
            gradient[n_dense:-1] += turned @ slope
        gradient[-1] += slope.sum(0)
        return value, gradient.ravel()

    flat = minimize(objective, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": STEPS}).x
    weights: Floats = flat.reshape(shape)
    left_out = np.zeros((features.sparse.shape[1], goal.width))
    return Weights(weights[:n_dense], weights[n_dense:-1] if sparse else left_out, weights[-1])


# ----------------------------------------------------------------------------------------------------------- the losses


def label_goal(answers: Ints, n_labels: int) -> Goal:
    """Cross entropy: the number of the label of each row; or a table of 0 and 1, where a row may have several."""

    def loss(items: Ints) -> Loss:
        if answers.ndim == 2:
            return _sigmoid_loss(answers[items].astype(np.float64))
        wanted = np.zeros((len(items), n_labels))
        wanted[np.arange(len(items)), answers[items]] = 1
        return _softmax_loss(wanted)

    return Goal(n_labels, len(answers), lambda items: items, loss)


def number_goal(answers: Floats) -> Goal:
    """Squared error of a number for each row."""

    def loss(items: Ints) -> Loss:
        wanted = answers[items][:, None]

        def of(scores: Floats) -> tuple[float, Floats]:
            away = scores - wanted
            return 0.5 * float((away * away).mean()), away / len(away)

        return of

    return Goal(1, len(answers), lambda items: items, loss)


def ranking_goal(relevance: Sequence[Floats]) -> Goal:
    """Listwise cross entropy: the relevance of the candidates of each list."""
    sizes = np.array([len(grades) for grades in relevance])
    edges = np.concatenate([[0], np.cumsum(sizes)])

    def rows(items: Ints) -> Ints:
        return np.concatenate([np.arange(edges[item], edges[item + 1]) for item in items])

    def loss(items: Ints) -> Loss:
        shares = np.concatenate([relevance[item] / max(float(relevance[item].sum()), 1e-12) for item in items])
        # A list without a relevant candidate has no say: its softmax is weighed by 0.
        counts = np.array([float(relevance[item].sum() > 0) for item in items])
        starts = np.concatenate([[0], np.cumsum(sizes[items])[:-1]])
        list_of = np.repeat(np.arange(len(items)), sizes[items])
        total = max(1.0, counts.sum())

        def of(scores: Floats) -> tuple[float, Floats]:
            own = scores[:, 0] - np.maximum.reduceat(scores[:, 0], starts)[list_of]
            powers = np.exp(own)
            logs = np.log(np.add.reduceat(powers, starts))
            value = float((shares * (logs[list_of] - own)).sum()) / total
            likely = powers / np.exp(logs)[list_of]
            return value, ((counts[list_of] * likely - shares) / total)[:, None]

        return of

    return Goal(1, len(relevance), rows, loss)


def _softmax_loss(targets: Floats) -> Loss:
    def of(scores: Floats) -> tuple[float, Floats]:
        own = scores - scores.max(1, keepdims=True)
        powers = np.exp(own)
        sums = powers.sum(1, keepdims=True)
        value = float((targets * (np.log(sums) - own)).sum()) / len(scores)
        return value, (powers / sums - targets) / len(scores)

    return of


def _sigmoid_loss(targets: Floats) -> Loss:
    def of(scores: Floats) -> tuple[float, Floats]:
        value = float((np.logaddexp(0, scores) - targets * scores).sum()) / len(scores)
        return value, (0.5 * (1 + np.tanh(0.5 * scores)) - targets) / len(scores)

    return of
