"""Exact match: the share of questions whose answer equals a gold answer, minor differences in writing aside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from goldilocks.metrics._shared import span_match
from goldilocks.protocols import Floats
from goldilocks.records import Output

OUTPUTS = frozenset({Output.SPAN})
HIGHER_IS_BETTER = True
RANGE = (0.0, 1.0)
SOURCE = span_match.SOURCE
EXAMPLES = (
    # Case, the article and the full stop do not count; a reference is enough; "river Rhine" is more than "Rhine".
    (
        (((0, "The Rhine"),), ((5, "1889"), (9, "in 1889")), ((0, "Rhine"),)),
        ("rhine.", "in 1889", "river Rhine"),
        2 / 3,
    ),
    # Nothing is right where there is no answer; brackets do not count in Chinese.
    (((), (), ((3, "《红楼梦》"),)), ("", "Paris", "红楼梦"), 2 / 3),
)


def items(gold: Sequence[tuple[tuple[int, str], ...]], predicted: Sequence[str]) -> Floats:
    """``(right, 1)`` for each question, shape ``(n_items, 2)``."""
    summands = np.ones((len(gold), 2), dtype=np.float32)
    summands[:, 0] = [
        span_match.best(span_match.same, answer, other) for answer, other in zip(gold, predicted, strict=True)
    ]
    return summands


def total(sums: Floats) -> Floats:
    """Questions answered right / questions, for each row of ``sums``."""
    return np.asarray(sums[:, 0] / sums[:, 1])
