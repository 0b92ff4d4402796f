"""Statistics of scores: resampling, intervals, paired tests, corrections for multiple comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from goldilocks.errors import InputError

if TYPE_CHECKING:
    import scipy.sparse as sp

Floats = npt.NDArray[np.floating[Any]]
Counts = npt.NDArray[np.int64]

MAX_COUNTS = 200_000_000
"""Cells of a table of bootstrap weights at most (one byte each); above it there are fewer draws."""
FEWEST_DRAWS = 200


# --------------------------------------------------------------------------------------------------------- resampling


def bootstrap_weights(n: int, draws: int, seed: int) -> npt.NDArray[np.uint8]:
    """How often each of ``n`` items is drawn in each of ``draws`` resamples with replacement.

    Args:
        n: Items.
        draws: Resamples. Above 200 million cells fewer are made (never under 200), which bounds the memory.
        seed: The same seed gives the same table, so that several models can be scored on the same draws.

    Returns:
        Counts ``(draws, n)``; every row sums to ``n``.

    Raises:
        InputError: ``n`` or ``draws`` is below 1.
    """
    if n < 1 or draws < 1:
        raise InputError(f"bootstrap over {n} items with {draws} draws; both must be at least 1.")
    draws = min(draws, max(FEWEST_DRAWS, MAX_COUNTS // n))
    rng = np.random.default_rng(seed)
    weights = np.empty((draws, n), dtype=np.uint8)
    for row in weights:
        # A count of 256 would wrap; its chance is below 10**-500.
        row[:] = np.bincount(rng.integers(0, n, n), minlength=n)
    return weights


def jackknife_weights(n: int, seed: int, *, limit: int = 500) -> npt.NDArray[np.uint8]:
    """All items but a few: each row leaves out one item, or above ``limit`` items one of ``limit`` random groups.

    Args:
        n: Items, at least 2.
        seed: Seed of the groups.
        limit: Maximum number of rows; each costs as much as one bootstrap draw.

    Returns:
        0 where an item is left out, else 1; shape ``(min(n, most), n)``.

    Raises:
        InputError: there are fewer than 2 items.
    """
    if n < 2:
        raise InputError(f"jackknife over {n} items; leaving one out takes at least 2.")
    groups = min(n, limit, max(FEWEST_DRAWS, MAX_COUNTS // n))
    weights = np.ones((groups, n), dtype=np.uint8)
    weights[np.random.default_rng(seed).permutation(n) % groups, np.arange(n)] = 0
    return weights


def weighted_sums(weights: npt.NDArray[np.uint8], items: Floats | sp.csr_array) -> npt.NDArray[np.float32]:
    """``weights @ items`` in blocks: ``(draws, n)`` and ``(n, width)`` -> ``(draws, width)``; exact to 2**24."""
    rows = max(1, 8_000_000 // weights.shape[1])
    blocks = [
        np.asarray(weights[start : start + rows].astype(np.float32) @ items) for start in range(0, len(weights), rows)
    ]
    return np.concatenate(blocks).astype(np.float32)


def class_counts(gold: Sequence[Any], predicted: Sequence[Any]) -> sp.csr_array:
    """Hits, claims and reals of each class, item by item; an item has one label, or a tuple of any number of them.

    Returns:
        Shape ``(n_items, 3 · n_classes)``, float32: a third each for hits, claims (predicted so) and reals (gold so);
        the classes are those of ``gold`` and ``predicted`` together, sorted.

    Raises:
        InputError: the two are not of one length.
    """
    import scipy.sparse as sp

    if len(gold) != len(predicted):
        raise InputError(f"{len(gold)} gold and {len(predicted)} predicted labels; both need one entry per item.")
    if {*map(type, gold), *map(type, predicted)} <= {str}:
        return _single_label_counts(gold, predicted)
    reals, claims = (
        [(array,) if isinstance(array, str) else tuple(array) for array in side] for side in (gold, predicted)
    )
    number = {
        label: i
        for i, label in enumerate(sorted({label for labels_of_item in (*reals, *claims) for label in labels_of_item}))
    }

    def table(items: Sequence[Sequence[str]]) -> sp.csr_array:
        columns = np.array([number[label] for item in items for label in item], dtype=np.int64)
        edges = np.cumsum([0, *map(len, items)])
        return sp.csr_array((np.ones(len(columns), dtype=np.float32), columns, edges), shape=(len(items), len(number)))

    real, claimed = table(reals), table(claims)
    return sp.hstack([real * claimed, claimed, real], format="csr", dtype=np.float32)


_MAX_DENSE = 100_000
"""Cells up to which a table of counts is made densely, which is several times as fast."""


def small_class_counts(gold: Sequence[Any], predicted: Sequence[Any]) -> Floats | sp.csr_array:
    """``class_counts``, as an array where every item has one label and there are few of them."""
    if len(gold) != len(predicted) or not {*map(type, gold), *map(type, predicted)} <= {str}:
        return class_counts(gold, predicted)
    n, (real, claimed, width) = len(gold), _numbered(gold, predicted)
    if 3 * n * width > _MAX_DENSE:
        return class_counts(gold, predicted)
    rows, table = np.arange(n), np.zeros((n, 3 * width), dtype=np.float32)
    table[rows, real] = real == claimed
    table[rows, width + claimed] = 1
    table[rows, 2 * width + real] = 1
    return table


def _numbered(
    gold: Sequence[str], predicted: Sequence[str]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
    """The labels of both as numbers in sorted order, and how many there are."""
    number = {label: i for i, label in enumerate(sorted({*gold, *predicted}))}
    real = np.fromiter(map(number.__getitem__, gold), dtype=np.int64, count=len(gold))
    claimed = np.fromiter(map(number.__getitem__, predicted), dtype=np.int64, count=len(predicted))
    return real, claimed, len(number)


def _single_label_counts(gold: Sequence[str], predicted: Sequence[str]) -> sp.csr_array:
    """``class_counts`` of one label per item, several times as fast: a decision has thousands of candidates."""
    import scipy.sparse as sp

    real, claimed, width = _numbered(gold, predicted)
    columns = np.stack([real, width + claimed, 2 * width + real], axis=1)  # hit, claim, real
    defined = np.ones(columns.shape, dtype=bool)
    defined[:, 0] = real == claimed
    edges = np.concatenate([[0], np.cumsum(defined.sum(axis=1))])
    ones = np.ones(int(edges[-1]), dtype=np.float32)
    return sp.csr_array((ones, columns[defined], edges), shape=(len(gold), 3 * width))


def class_scores(confusion: Counts) -> npt.NDArray[np.float64]:
    """Precision, recall, F1 and support (rows whose right label it is) of each label; a share of nothing is 0.

    Args:
        confusion: Counts ``(n_labels, n_labels)``, a row for each right label, a column for each answered one.

    Returns:
        Shape ``(n_labels, 4)``.
    """
    hits, claimed, real = np.diag(confusion), confusion.sum(0), confusion.sum(1)

    def share(part: Counts, whole: Counts) -> npt.NDArray[np.float64]:
        return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)

    return np.stack([share(hits, claimed), share(hits, real), share(2 * hits, claimed + real), real], axis=1)


def class_totals(confusion: Sequence[Sequence[int]]) -> tuple[tuple[str, float | None, float | None, float, int], ...]:
    """The last rows of a classification report: name, precision, recall, F1, support.

    As scikit-learn's: the accuracy is in the F1 column, and labels that occur neither in gold nor predicted are left
    out of the macro average. Nothing where there are no counts.

    Args:
        confusion: As in ``class_scores``.
    """
    table = np.asarray(confusion, dtype=np.int64)
    n = int(table.sum())
    if not n:
        return ()
    scores = class_scores(table)
    three, support = scores[:, :3], scores[:, 3]
    macro = three[(table.sum(0) + table.sum(1)) > 0].mean(0).tolist()
    weighted = (support @ three / n).tolist()
    accuracy = float(np.trace(table)) / n
    return (
        ("accuracy", None, None, accuracy, n),
        ("macro avg", macro[0], macro[1], macro[2], n),
        ("weighted avg", weighted[0], weighted[1], weighted[2], n),
    )


# ---------------------------------------------------------------------------------------------------------- intervals


def interval(values: Floats, confidence: float = 0.95) -> tuple[float, float]:
    """The percentile interval of resampled values, ``(n_draws,)`` -> ``(low, high)``."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def jackknife_interval(value: float, without: Floats, confidence: float = 0.95) -> tuple[float, float]:
    """``value`` ± t · jackknife standard error: for a statistic that resampling with replacement distorts.

    Drawing with replacement repeats items, which a count of different things takes for poverty; leaving items out does
    not. The variance is too large rather than too small on average, whatever the (symmetric) statistic.

    Args:
        value: The statistic of all items.
        without: The same for each row of ``jackknife_weights``.
        confidence: Coverage asked for.

    Source:
        Tukey 1958; Efron & Stein 1981, "The Jackknife Estimate of Variance" (the variance is not below the true one of
        n - 1 items on average).

    Example: of a mean the error is the usual one: 0, 1, 2 have the standard deviation 1, and t is 4.303.
        >>> low, high = jackknife_interval(1.0, np.array([1.5, 1.0, 0.5]))
        >>> round((high - low) / 2 * 3**0.5, 3)
        4.303
    """
    from scipy.special import stdtrit

    groups = len(without)
    error = float(np.sqrt((groups - 1) / groups * np.sum((without - np.mean(without)) ** 2)))
    half = float(stdtrit(groups - 1, (1 + confidence) / 2)) * error
    return value - half, value + half


def wilson(hits: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of a share: ``hits`` of ``n``. Good for small ``n`` and for shares near 0 and 1.

    Raises:
        InputError: ``n`` is below 1 or ``hits`` is not between 0 and ``n``.

    Source:
        Wilson 1927, "Probable Inference, the Law of Succession, and Statistical Inference".

    Example:
        >>> low, high = wilson(8, 10)
        >>> round(low, 4), round(high, 4)
        (0.4902, 0.9433)
    """
    if n < 1 or not 0 <= hits <= n:
        raise InputError(f"{hits} hits of {n}; pass 0 to n hits of at least one item.")
    z = normal_quantile(confidence)
    return wilson_end(hits / n, n, -z), wilson_end(hits / n, n, z)


def wilson_end(share: float, n: int, z: float) -> float:
    """One end of Wilson's interval: the share that is ``z`` of its own standard errors above the observed one.

    ``z`` below 0 gives the lower end.
    """
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (share * (1 - share) / n + z**2 / (4 * n**2)) ** 0.5
    return float(min(max(0.0, middle + half), 1.0))


def normal_quantile(confidence: float = 0.95) -> float:
    """Standard errors on either side that hold ``confidence`` of a normal distribution; 1.96 for 95%."""
    return NormalDist().inv_cdf((1 + confidence) / 2)


def student_quantile(degrees: int, confidence: float = 0.95) -> float:
    """The same for Student's distribution, whose standard error is estimated from ``degrees`` + 1 items."""
    from scipy.special import stdtrit

    return float(stdtrit(max(degrees, 1), (1 + confidence) / 2))


# ------------------------------------------------------------------------------------------------------- paired tests


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """Exact two-sided p-value that two models are right equally often, from the items where just one of them is.

    Args:
        only_first: Items the first has right and the second wrong.
        only_second: The reverse.

    Source:
        McNemar 1947, with the binomial distribution in place of the chi-squared one; no mid-p correction.

    Example:
        >>> mcnemar_exact(1, 8)  # 2 · (1 + 9) / 2**9
        0.0390625
    """
    if only_first < 0 or only_second < 0:
        raise InputError(f"{only_first} and {only_second} items; counts must not be below 0.")
    from scipy.special import bdtr

    n = only_first + only_second
    return min(1.0, float(2 * bdtr(min(only_first, only_second), n, 0.5))) if n else 1.0


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """p-values adjusted for how many were looked at, in the order given; 0.05 then holds for all of them together.

    Source:
        Holm 1979, "A Simple Sequentially Rejective Multiple Test Procedure".

    Example:
        >>> holm([0.01, 0.04, 0.03])
        (0.03, 0.06, 0.06)
    """
    given = np.asarray(p_values, dtype=np.float64)
    if not ((given >= 0) & (given <= 1)).all():
        raise InputError(f"p-values {list(p_values)}; each must lie between 0 and 1.")
    order = np.argsort(given, kind="stable")
    stepped = given[order] * (len(given) - np.arange(len(given)))
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(stepped)) if len(given) else stepped
    return tuple(float(value) for value in adjusted)
