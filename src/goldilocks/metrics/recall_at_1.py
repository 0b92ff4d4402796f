"""Recall at 1: how often the top candidate is relevant (of several relevant ones, the share that one place can hold).

For next replies it is reported as R_n@1, with n candidates. Ties are shared out as in recall_at_10.
"""

from __future__ import annotations

from functools import partial

from goldilocks.metrics._shared import ranking
from goldilocks.records import Output

OUTPUTS = frozenset({Output.SCORE})
HIGHER_IS_BETTER = True
RANGE = (0.0, 1.0)
SOURCE = "Lowe et al. 2015, 'The Ubuntu Dialogue Corpus': relevant candidates at the first place / relevant."
EXAMPLES = (
    # the right reply first in one of two
    (((1.0, 0.0), (0.0, 1.0)), ((0.9, 0.1), (0.9, 0.1)), 1 / 2),
    # four candidates at one score: a quarter
    (((0.0, 1.0, 0.0, 0.0),), ((0.5, 0.5, 0.5, 0.5),), 1 / 4),
)
items = partial(ranking.recall_at, depth=1)
total = ranking.mean
