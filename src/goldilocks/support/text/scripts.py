r"""Character classes of scripts and combining marks, as bodies of regular-expression sets (``f"[{CHINESE}]"``).

The classes follow Unicode. They are written out, or computed once from ``unicodedata``, because the standard
library's ``re`` knows no properties and its ``\w`` does not match combining marks.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache

CHINESE = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
"""Han characters."""
_KANA = "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\U0001b000-\U0001b16f"
_COMPLEX_CONTEXT = (
    range(0x0E00, 0x0F00),  # Thai, Lao
    range(0x1000, 0x10A0),  # Burmese
    range(0x1780, 0x1800),  # Khmer
    range(0x1950, 0x19E0),  # Tai Le, New Tai Lue
    range(0x1A20, 0x1AB0),  # Tai Tham
    range(0xA9E0, 0xAA00),  # Burmese, extended B
    range(0xAA60, 0xAAE0),  # Burmese, extended A; Tai Viet
    range(0x11700, 0x11750),  # Ahom
)
"""Blocks of line-breaking class SA (UAX 14): no spaces between words."""
# Where the combining marks are; between these blocks are Han, Hangul and surrogates. A test looks for marks elsewhere.
_WITH_MARKS = (range(0x300, 0x3400), range(0xA66F, 0xAC00), range(0xFB1E, 0xFE30), range(0x101FD, 0x1F000))
JOINERS = "\u200c\u200d"
"""Zero-width non-joiner and joiner: inside a word of Persian, Hindi or Bengali they belong to it."""
STACKERS = "\u1039\u17d2"
"""Burmese virama and Khmer coeng, which put the next consonant below the last."""
SPACING_VOWELS = "\u0e33\u0eb3"
"""Vowels of Thai and Lao that Unicode calls letters, but that extend the character before them (UAX 29)."""
IGNORED = "\u00ad\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
"""Soft hyphens, direction marks and other signs that are not drawn and separate nothing."""


def ranges(code_points: Iterable[int]) -> Iterator[str]:
    """Rising code points as ranges of a regular-expression set.

    Example:
        >>> list(ranges([97, 98, 99, 120]))
        ['a-c', 'x']
    """
    first = last = -1
    for point in code_points:
        if point != last + 1:
            if first >= 0:
                yield _range(first, last)
            first = point
        last = point
    if first >= 0:
        yield _range(first, last)


def _range(first: int, last: int) -> str:
    return chr(first) if first == last else f"{chr(first)}-{chr(last)}"


def _letters(blocks: Iterable[range]) -> str:
    return "".join(ranges(point for block in blocks for point in block if unicodedata.category(chr(point))[0] == "L"))


UNSPACED = f"{_KANA}{CHINESE}{_letters(_COMPLEX_CONTEXT)}"
"""Letters of scripts without spaces between words: Chinese, Japanese, Thai, Lao, Khmer, Burmese and the Tai scripts.
Neither their digits nor their combining marks are among them."""


@cache
def marks() -> str:
    """Combining marks (categories Mn, Mc, Me): vowel signs, points, accents, variation selectors."""
    points = (point for block in _WITH_MARKS for point in block if unicodedata.category(chr(point))[0] == "M")
    return "".join(ranges(points)) + "\U000e0100-\U000e01ef"
