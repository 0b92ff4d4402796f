"""Chinese noise: characters replaced by ones that sound alike, and neighbours swapped, as in pinyin typing errors.

The 3,755 common characters of GB 2312 are ordered by pinyin, so that no dictionary is needed: of the two neighbours on
either side 85 % share a syllable with a character (pypinyin 0.55, all readings). Other text stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from goldilocks.augmenters._shared.pieces import chosen, each_varied
from goldilocks.protocols import AugmentationResources
from goldilocks.records import Output

SOURCE = (
    'GB/T 2312-1980, level 1 (order by pinyin); the errors are those of Zhang et al. 2020, "Spelling Error Correction '
    'with Soft-Masked BERT" (most Chinese spelling errors are homophones).'
)
OUTPUTS = frozenset({Output.LABEL, Output.TAGS, Output.SCORE, Output.SPAN})
PARAPHRASES = False

_REACH = 2
"""Places in the order by pinyin: characters so near usually share their syllable."""


@dataclass(frozen=True, slots=True)
class Options:
    """How much noise there is."""

    share: float = 0.1
    """Share of the Chinese characters that are changed, at least one."""
    swaps: float = 0.3
    """Share of the changes that swap a character with the next one."""


def unavailable(options: Options, resources: AugmentationResources) -> str | None:  # noqa: ARG001
    """See ``protocols.Augmenter``."""
    return None


def varied(texts: Sequence[str], options: Options, resources: AugmentationResources, *, seed: int) -> list[str]:  # noqa: ARG001
    """See ``protocols.Augmenter``."""
    return each_varied(texts, seed, lambda text, rng: _noisy(text, options, rng))


def _noisy(text: str, options: Options, rng: np.random.Generator) -> str:
    places = _places()
    signs = list(text)
    common = [at for at, sign in enumerate(signs) if sign in places]
    for position in chosen(len(common), options.share, rng):
        at = common[position]
        if at + 1 < len(signs) and signs[at + 1] in places and rng.random() < options.swaps:
            signs[at], signs[at + 1] = signs[at + 1], signs[at]
        elif signs[at] in places:
            near = near_homophones(signs[at])
            signs[at] = near[int(rng.integers(len(near)))]
    return "".join(signs)


def near_homophones(character: str) -> list[str]:
    """Characters that mostly sound like a common one; empty for other characters.

    Example:
        >>> near_homophones("他"), near_homophones("x")
        (['所', '塌', '它', '她'], [])
    """
    order, place = _order(), _places().get(character)
    if place is None:
        return []
    around = range(max(0, place - _REACH), min(len(order), place + _REACH + 1))
    return [order[at] for at in around if at != place]


@cache
def _order() -> str:
    """The characters of level 1, by pinyin: rows 16 to 55 of GB 2312, the last of which ends at its 89th cell."""
    cells = [bytes((0xA0 + row, 0xA0 + cell)) for row in range(16, 56) for cell in range(1, 95)]
    return b"".join(cells[: 39 * 94 + 89]).decode("gb2312")


@cache
def _places() -> dict[str, int]:
    return {character: place for place, character in enumerate(_order())}
