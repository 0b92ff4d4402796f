"""Recall at 10: the share of the relevant candidates ranked among the first ten.

Of candidates with equal scores every order is equally likely, and the mean over these orders is taken. Queries without
a relevant candidate are left out.
"""

from __future__ import annotations

from functools import partial

from goldilocks.metrics._shared import ranking
from goldilocks.records import Output

OUTPUTS = frozenset({Output.SCORE})
HIGHER_IS_BETTER = True
RANGE = (0.0, 1.0)
SOURCE = "Plain definition (Manning, Raghavan & Schütze 2008, section 8.4): relevant among the first ten / relevant."
EXAMPLES = (
    # twelve candidates, the relevant ones at ranks 1 and 12
    (((1.0, *(0.0,) * 10, 2.0),), (tuple(-float(rank) for rank in range(12)),), 1 / 2),
    # all at one score: ten of twelve places
    (((1.0, *(0.0,) * 11),), ((0.5,) * 12,), 10 / 12),
)
items = partial(ranking.recall_at, depth=10)
total = ranking.mean
