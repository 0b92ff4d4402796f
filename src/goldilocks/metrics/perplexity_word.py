"""Perplexity per word: the inverse of the geometric mean probability that a model gives to a word of the text.

A word is a run without white space, and a character in scripts without spaces (Chinese, Thai); the end of a text counts
as one more. Whatever tokens a model works with, it is the same words that are counted, so models with different
vocabularies can be compared as long as they give a probability to the very text. (A model that may predict an unknown
word gets a low figure for nothing.)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from goldilocks.protocols import Floats
from goldilocks.records import Output
from goldilocks.support.text.units import count_words, unit_name

OUTPUTS = frozenset({Output.LIKELIHOOD})
HIGHER_IS_BETTER = False
RANGE = (1.0, 1e6)
SOURCE = (
    "exp(-log likelihood of all texts / (words + texts)), as usual for WikiText with one end for each text; cut at a "
    "million."
)
EXAMPLES = (
    # Two words and the end, at 1/8 each.
    (("two words",), (3 * float(np.log(1 / 8)),), 8.0),
    # 1 + 1 and 2 + 1 events: (1/2)^2 · (1/4)^3 = 2^-8 over 5
    (("a", "好的"), (2 * float(np.log(1 / 2)), 3 * float(np.log(1 / 4))), 2 ** (8 / 5)),
)


def items(gold: Sequence[str], predicted: Sequence[float]) -> Floats:
    """``(-log likelihood, words and end)`` for each text, shape ``(n_items, 2)``."""
    return np.stack([-np.asarray(predicted, dtype=np.float64), [count_words(text) + 1.0 for text in gold]], axis=1)


def conditions(gold: Sequence[str]) -> str:
    """What was counted."""
    return f"per {'character' if unit_name(gold) == 'characters' else 'word'} and end of a text"


def total(sums: Floats) -> Floats:
    """The perplexity for each row of ``sums``."""
    nats, words = np.asarray(sums, dtype=np.float64).T
    return np.asarray(np.exp(np.clip(nats / np.maximum(words, 1), 0, np.log(RANGE[1]))))
