"""Character noise: typing errors (swapped, dropped, doubled and neighbouring keys) in a share of the words.

The first and the last letter stay, as most readers still recognise such words, and words of fewer than four letters
stay whole. In texts without spaces nothing happens; ``chinese_noise`` is for these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from goldilocks.augmenters._shared.pieces import chosen, each_varied, is_unspaced
from goldilocks.protocols import AugmentationResources
from goldilocks.records import Output

SOURCE = (
    'Belinkov and Bisk 2018, "Synthetic and Natural Noise Both Break Neural Machine Translation": their swap and key '
    "noise; dropped and doubled letters are ours."
)
OUTPUTS = frozenset({Output.LABEL, Output.TAGS, Output.SCORE, Output.SPAN})
PARAPHRASES = False

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_NEIGHBOURS = {
    key: [row[place] for place in (at - 1, at + 1) if 0 <= place < len(row)]
    for row in _ROWS
    for at, key in enumerate(row)
}


@dataclass(frozen=True, slots=True)
class Options:
    """How much noise there is."""

    share: float = 0.1
    """Share of the words that get one typing error, at least one word."""


def unavailable(options: Options, resources: AugmentationResources) -> str | None:  # noqa: ARG001
    """See ``protocols.Augmenter``."""
    return None


def varied(texts: Sequence[str], options: Options, resources: AugmentationResources, *, seed: int) -> list[str]:  # noqa: ARG001
    """See ``protocols.Augmenter``."""
    return each_varied(texts, seed, lambda text, rng: _noisy(text, options.share, rng))


def _noisy(text: str, share: float, rng: np.random.Generator) -> str:
    if is_unspaced(text):
        return text
    words = text.split(" ")
    long = [place for place, word in enumerate(words) if len(word) >= 4 and word[1:-1].isalpha()]
    for position in chosen(len(long), share * len(words) / max(1, len(long)), rng):
        words[long[position]] = _mistyped(words[long[position]], rng)
    return " ".join(words)


def _mistyped(word: str, rng: np.random.Generator) -> str:
    """The word with one error between its first and its last letter."""
    at = int(rng.integers(1, len(word) - 1))
    letter = word[at]
    kind = int(rng.integers(4))
    if kind == 0 and at + 1 < len(word) - 1:
        return word[:at] + word[at + 1] + letter + word[at + 2 :]
    if kind == 1:
        return word[:at] + word[at + 1 :]
    neighbours = _NEIGHBOURS.get(letter.lower())
    if kind == 2 and neighbours:
        return word[:at] + neighbours[int(rng.integers(len(neighbours)))] + word[at + 1 :]
    return word[:at] + letter + word[at:]
