"""Distinct-2: distinct word bigrams / all bigrams, over all answers; low if the answers are alike.

Says nothing about whether an answer is right, and falls as more or longer answers are looked at: compare on the same
items only. The interval is about as many resampled answers.
"""

from __future__ import annotations

from functools import partial

from goldilocks.metrics._shared import distinct_n

OUTPUTS, RANGE, SOURCE = distinct_n.OUTPUTS, distinct_n.RANGE, distinct_n.SOURCE
HIGHER_IS_BETTER = True
EXAMPLES = (
    # "a b" and "a c" of "a b", "a c"
    (("", ""), ("a b", "A c."), 1.0),
    # Two replies alike: 2 different pairs of 4.
    (("", ""), ("I do not", "i do not"), 2 / 4),
)
items = partial(distinct_n.distinct_n, n=2)
total = distinct_n.share
