"""A text as pieces to vary: words between spaces, or the characters of a text without spaces."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from goldilocks.support.text.scripts import CHINESE

_HAN = re.compile(f"[{CHINESE}]")


def is_unspaced(text: str) -> bool:
    """Whether a text is mostly Chinese characters, so that a piece is a character.

    Example:
        >>> is_unspaced("我的卡还没到"), is_unspaced("my card"), is_unspaced("买 iPhone")
        (True, False, False)
    """
    return 2 * len(_HAN.findall(text)) > len(text.replace(" ", ""))


def pieces_of(text: str) -> list[str]:
    """Words, or the characters of a text without spaces.

    Example:
        >>> pieces_of("my card"), pieces_of("我的卡")
        (['my', 'card'], ['我', '的', '卡'])
    """
    return list(text) if is_unspaced(text) else text.split()


def joined(pieces: Sequence[str], like: str) -> str:
    """Pieces as one text, with spaces between them where ``like`` has them."""
    return ("" if is_unspaced(like) else " ").join(pieces)


def each_varied(texts: Sequence[str], seed: int, vary: Callable[[str, np.random.Generator], str]) -> list[str]:
    """``vary`` of each text, with a generator of its own: a text is varied the same way whatever precedes it.

    Texts that would become blank stay as they are.
    """
    copies = [vary(text, np.random.default_rng((seed, number))) for number, text in enumerate(texts)]
    return [copy if copy.strip() else text for text, copy in zip(texts, copies, strict=True)]


def chosen(count: int, share: float, rng: np.random.Generator) -> list[int]:
    """A share of ``count`` positions, at least one where there are any, in ascending order."""
    n_chosen = min(count, max(1, round(share * count)))
    return sorted(rng.choice(count, n_chosen, replace=False).tolist()) if count else []
