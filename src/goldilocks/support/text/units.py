"""What a text is made of, for metrics and baselines: words, but single characters where a script has no spaces."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from goldilocks.errors import InputError

CHINESE = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
UNSPACED = f"\u3040-\u30ff{CHINESE}"
"""Chinese characters and Japanese kana."""

_CHINESE = re.compile(f"[{CHINESE}]")
_LETTER = re.compile(r"[^\W\d_]")
_UNIT = re.compile(rf"[{UNSPACED}]|[^\W_{UNSPACED}]+")
_SPACED = re.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]+")


def units(text: str) -> list[str]:
    """Words in lower case without punctuation; a Chinese or Japanese character is a unit of its own.

    Example:
        >>> units("The iPhone 15, 很好!")
        ['the', 'iphone', '15', '很', '好']
    """
    return _UNIT.findall(text.lower())


def count_words(text: str) -> int:
    """Runs without white space; a Chinese or Japanese character counts as one.

    Example:
        >>> count_words("Hello , world"), count_words("很好。")
        (3, 3)
    """
    return sum(1 for _ in _SPACED.finditer(text))


def chinese(texts: Sequence[str]) -> bool:
    """Whether at least half of the letters are Chinese characters."""
    letters = sum(len(_LETTER.findall(text)) for text in texts)
    return letters > 0 and 2 * sum(len(_CHINESE.findall(text)) for text in texts) >= letters


def references(gold: Any) -> tuple[str, ...]:
    """The references in a right answer of kind ``text``: it is one, or a tuple of them."""
    return tuple(map(str, gold)) if isinstance(gold, tuple) else (str(gold),)


def in_pairs(gold: Sequence[Any], predicted: Sequence[Any]) -> list[tuple[tuple[str, ...], str]]:
    """References and answer of each item.

    Raises:
        InputError: the two are not of one length.
    """
    if len(gold) != len(predicted):
        raise InputError(f"{len(gold)} gold and {len(predicted)} predicted texts; pass one of each for each item.")
    return [(references(right), str(given)) for right, given in zip(gold, predicted, strict=True)]
