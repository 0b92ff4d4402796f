"""How sure a number is: resampling, intervals, paired tests, corrections for looking many times."""

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

MOST_COUNTS = 200_000_000
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
    draws = min(draws, max(FEWEST_DRAWS, MOST_COUNTS // n))
    rng = np.random.default_rng(seed)
    weights = np.empty((draws, n), dtype=np.uint8)
    for row in weights:
        # A count of 256 would wrap; its chance is below 10**-500.
        row[:] = np.bincount(rng.integers(0, n, n), minlength=n)
    return weights


def weighted_sums(weights: npt.NDArray[np.uint8], items: Floats | sp.csr_array) -> npt.NDArray[np.float32]:
    """``weights @ items`` in blocks: ``(draws, n)`` and ``(n, width)`` -> ``(draws, width)``; exact to 2**24."""
    rows = max(1, 8_000_000 // weights.shape[1])
    blocks = [
        np.asarray(weights[start : start + rows].astype(np.float32) @ items) for start in range(0, len(weights), rows)
    ]
    return np.concatenate(blocks).astype(np.float32)


def class_counts(gold: Sequence[str], predicted: Sequence[str]) -> sp.csr_array:
    """Hits, claims and reals of each class, item by item.

    Returns:
        Shape ``(n_items, 3 · n_classes)``, float32: a third each for hits, claims (predicted so) and reals (gold so);
        the classes are those of ``gold`` and ``predicted`` together, sorted.

    Raises:
        InputError: the two are not of one length.
    """
    import scipy.sparse as sp

    if len(gold) != len(predicted):
        raise InputError(f"{len(gold)} gold and {len(predicted)} predicted labels; pass one of each for each item.")
    number = {label: i for i, label in enumerate(sorted({*gold, *predicted}))}
    width = len(number)
    real = np.fromiter((number[one] for one in gold), dtype=np.int64, count=len(gold))
    claimed = np.fromiter((number[one] for one in predicted), dtype=np.int64, count=len(predicted))
    rows = np.arange(len(gold))
    hit = real == claimed
    places = np.concatenate([rows[hit], rows, rows]), np.concatenate([real[hit], claimed + width, real + 2 * width])
    return sp.csr_array((np.ones(len(places[0]), dtype=np.float32), places), shape=(len(gold), 3 * width))


# ---------------------------------------------------------------------------------------------------------- intervals


def interval(values: Floats, confidence: float = 0.95) -> tuple[float, float]:
    """The percentile interval of resampled values, ``(n_draws,)`` -> ``(low, high)``."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


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
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = hits / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (share * (1 - share) / n + z**2 / (4 * n**2)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


# ------------------------------------------------------------------------------------------------------- paired tests


def paired_gap(
    first: Floats, second: Floats, *, confidence: float = 0.95, resamples: int = 2_000, seed: int = 0
) -> tuple[float, float, float]:
    """How much better ``first`` is than ``second`` on the same items, with an interval.

    Items are drawn with replacement and both models are scored on each draw, so a hard item counts against both. The
    interval covers the choice of items only: it says nothing about a second training run with another seed.

    Args:
        first: Score of each item under the first model, shape ``(n_items,)``.
        second: The same items in the same order under the second model, ``(n_items,)``.
        confidence: Coverage asked for, between 0 and 1 (0.95 = 95 %).
        resamples: Draws. 2 000 keeps the ends stable to about 0.1 point at 1 000 items.
        seed: Seed of the draws; the same seed gives the same interval.

    Returns:
        ``(gap, low, high)`` in the unit of the scores; ``gap`` is the plain mean difference.

    Raises:
        InputError: the shapes differ, a score is not finite, or there are fewer than 2 items.

    Source:
        Koehn 2004, "Statistical Significance Tests for Machine Translation Evaluation" (the paired bootstrap). We
        report an interval where the paper reports a p-value. For a metric that is no mean see ``evaluate/compare.py``.

    Example:
        >>> right, wrong = np.ones(8), np.zeros(8)
        >>> paired_gap(right, wrong)
        (1.0, 1.0, 1.0)
    """
    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if first.shape != second.shape or first.ndim != 1:
        raise InputError(
            f"first has shape {first.shape} and second {second.shape}; "
            "pass one score per item for the same items, in the same order."
        )
    if len(first) < 2:
        raise InputError(f"{len(first)} items were scored; an interval needs at least 2.")
    for name, scores in (("first", first), ("second", second)):
        if not np.isfinite(scores).all():
            where = int(np.flatnonzero(~np.isfinite(scores))[0])
            raise InputError(
                f"the {name} score of item {where} is {scores[where]}; drop the item from both or mend it."
            )
    gaps = first - second
    weights = bootstrap_weights(len(gaps), resamples, seed)
    drawn = [float(row.astype(np.float64) @ gaps) / len(gaps) for row in weights]
    low, high = interval(np.asarray(drawn), confidence)
    return float(gaps.mean()), low, high


def bootstrap_p(gaps: Floats) -> float:
    """Two-sided p-value of "no gap" from resampled gaps ``(n_draws,)``: twice the smaller share on either side of 0.

    One is added above and below the line, so that it is never 0 (Davison & Hinkley 1997, section 4.2).
    """
    side = min(int(np.sum(gaps <= 0)), int(np.sum(gaps >= 0)))
    return min(1.0, 2 * (side + 1) / (len(gaps) + 1))


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
    return tuple(float(one) for one in adjusted)
