"""Statistics of sacrebleu's metrics, item by item, so that their sums give its corpus score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from goldilocks.support.statistics import Floats
from goldilocks.support.text_units import chinese, in_pairs


def statistics(make: Callable[[bool], Any], gold: Sequence[Any], predicted: Sequence[Any], *, width: int) -> Floats:
    """What sacrebleu counts for each item.

    Args:
        make: Whether the references are Chinese -> the metric of sacrebleu.
        gold: A reference, or a tuple of them, for each item.
        predicted: One text for each item.
        width: Numbers per item.

    Returns:
        Shape ``(n_items, width)``.

    Raises:
        InputError: not one answer for each item.
    """
    made: dict[bool, Any] = {}
    found = np.zeros((len(gold), width))
    for row, (right, given) in enumerate(in_pairs(gold, predicted)):
        is_chinese = chinese(right)
        if is_chinese not in made:
            made[is_chinese] = make(is_chinese)
        # Not part of sacrebleu's public face, but what its own bootstrap resamples; a test compares the scores.
        found[row] = made[is_chinese]._extract_corpus_statistics([given], [[one] for one in right])[0]
    return found
