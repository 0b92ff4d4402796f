"""Statistics of sacrebleu's metrics, item by item, so that their sums give its corpus score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from goldilocks.support.scoring.statistics import Floats
from goldilocks.support.text.units import chinese, in_pairs, references


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


def signature(make: Callable[[bool], Any], gold: Sequence[Any]) -> str:
    """The signature of sacrebleu for these right answers; two of them where only some are Chinese.

    Args:
        make: Whether the references are Chinese -> the metric of sacrebleu.
        gold: A reference, or a tuple of them, for each item.
    """
    rights = [references(one) for one in gold]
    counts: dict[str, int] = {}
    for is_chinese in (False, True):
        alike = [one for one in rights if chinese(one) is is_chinese]
        if alike:
            metric = make(is_chinese)
            fewest, most = min(alike, key=len), max(alike, key=len)  # the signature records their number
            streams = [
                [one[place] if place < len(one) else None for one in (fewest, most)] for place in range(len(most))
            ]
            metric.corpus_score([fewest[0], most[0]], streams)
            told = str(metric.get_signature())
            counts[told] = counts.get(told, 0) + len(alike)
    parts = [told if len(counts) == 1 else f"{told} ({count} items)" for told, count in counts.items()]
    return f"sacrebleu {' and '.join(parts)}"
