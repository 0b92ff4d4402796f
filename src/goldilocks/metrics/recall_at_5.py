"""Recall at 5: the share of the relevant candidates ranked among the first five.

For next replies it is reported as R_n@5, with n candidates. Ties are shared out as in recall_at_10.
"""

from __future__ import annotations

from functools import partial

from goldilocks.metrics._shared import ranking
from goldilocks.records import Output

OUTPUTS = frozenset({Output.SCORE})
HIGHER_IS_BETTER = True
RANGE = (0.0, 1.0)
SOURCE = "Plain definition (Manning, Raghavan & Schütze 2008, section 8.4): relevant among the first five / relevant."
EXAMPLES = (
    # six candidates, the relevant ones at ranks 1 and 6
    (((1.0, 0.0, 0.0, 0.0, 0.0, 2.0),), (tuple(-float(rank) for rank in range(6)),), 1 / 2),
    # all at one score: five of six places
    (((1.0, *(0.0,) * 5),), ((0.5,) * 6,), 5 / 6),
)
items = partial(ranking.recall_at, depth=5)
total = ranking.mean
