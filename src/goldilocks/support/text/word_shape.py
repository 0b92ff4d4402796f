"""Word shape features for taggers without embeddings: binary features as strings (case, affixes, digits, neighbours).

Its letters (first and last ones, lower-cased form, how it is written) and its two neighbours on either side; of words
of one sign, as in Chinese tagged by character, that is the signs around them and the pairs they form.

Exported taggers carry a copy of this file, so it needs NumPy only.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

AFFIXES = 4
"""Longest first and last letters that count."""
LONGEST = 40
"""Number of characters of a word that are read."""
BUCKETS = 2**17
"""Numbers that strings are hashed to, 0 (nothing) among them."""
MAX_FEATURES = 28
"""Maximum number of features of a word."""
_FIRST_SEGMENTATION = 1
"""``units.FIRST_SEGMENTATION``."""
_AFFIX_LETTERS = 3
_AFFIX_BUCKETS = 2048
"""Hash buckets for first (and for last) letters; words that share one by chance are distinguished by their tokens."""


def shape_of(word: str) -> int:
    """A number from 1 to 64 for the kind of the first sign and for what occurs after it.

    The kinds of the first are upper case, lower case, digit, other; after it lower case, upper case, digits and other
    signs may each occur or not.

    Example:
        >>> shape_of("rome") == shape_of("paris"), shape_of("Rome") == shape_of("USA")
        (True, False)
    """
    first, rest = word[:1], word[1:]
    kind = 0 if first.isupper() else 1 if first.islower() else 2 if first.isdigit() else 3
    lower = upper = digit = other = False
    for sign in rest:
        if sign.islower():
            lower = True
        elif sign.isupper():
            upper = True
        elif sign.isdigit():
            digit = True
        elif not sign.isalpha():
            other = True
    return 1 + 16 * kind + 8 * lower + 4 * upper + 2 * digit + other


def _affix(letters: str) -> int:
    return 1 + zlib.crc32(letters.lower().encode("utf-8", "surrogatepass")) % (_AFFIX_BUCKETS - 1)


CASING: dict[str, tuple[int, Callable[[str], int]]] = {
    "shapes": (65, shape_of),
    "prefixes": (_AFFIX_BUCKETS, lambda word: _affix(word[:_AFFIX_LETTERS])),
    "suffixes": (_AFFIX_BUCKETS, lambda word: _affix(word[-_AFFIX_LETTERS:])),
}
"""Channel of casing features -> rows of its table (0: no word), and the row of a word."""


def features(words: Sequence[str], segmentation: int = _FIRST_SEGMENTATION) -> Iterator[list[str]]:
    """What is known of each word, as strings; in NFC from segmentation version 2 on.

    Example:
        >>> one, two = features(("in", "Rome"))
        >>> "lower=rome" in two, "-1:lower=in" in two, "last" in two
        (True, True, True)
    """
    if segmentation > _FIRST_SEGMENTATION:
        from goldilocks.support.text.units import normalised

        words = [normalised(word) for word in words]
    short = [_clean(word[:LONGEST]) for word in words]
    lower = [word.lower() for word in short]
    shapes = [f"shape={shape_of(word)}" for word in short]
    own = [_alone(word, small) for word, small in zip(short, lower, strict=True)]
    last = len(words) - 1
    for place in range(len(words)):
        word_features = ["bias", shapes[place], *own[place]]
        for step in (-2, -1, 1, 2):
            other = place + step
            if 0 <= other <= last:
                word_features += (f"{step}:lower={lower[other]}", f"{step}:{shapes[other]}")
        word_features.append(f"-1|0={lower[place - 1]}|{lower[place]}" if place else "first")
        word_features.append(f"0|1={lower[place]}|{lower[place + 1]}" if place < last else "last")
        if 0 < place < last:
            word_features.append(f"-1|1={lower[place - 1]}|{lower[place + 1]}")
        yield word_features


def numbers(words: Sequence[str]) -> npt.NDArray[np.int32]:
    """The features of each word as numbers below ``BUCKETS``, ``(n_words, MAX_FEATURES)``; 0 where it has no more."""
    codes = np.zeros((len(words), MAX_FEATURES), dtype=np.int32)
    for row, strings in zip(codes, features(words), strict=True):
        row[: len(strings)] = [1 + zlib.crc32(string.encode()) % (BUCKETS - 1) for string in strings]
    return codes


def _alone(word: str, lower: str) -> list[str]:
    shape_features = [f"word={word}", f"lower={lower}"]
    for length in range(1, min(AFFIXES, len(lower) - 1) + 1):
        shape_features += (f"begins={lower[:length]}", f"ends={lower[-length:]}")
    return shape_features


def _clean(word: str) -> str:
    """Half a character is not UTF-8, and CRFsuite reads up to a NUL."""
    return word.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
