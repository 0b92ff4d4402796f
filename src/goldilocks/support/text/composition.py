"""Canonical composition (Unicode NFC) of whole items, for models whose training texts were composed.

``é`` may be one code point or a letter and a combining mark. A model that was trained on the first encodes the second
differently: another token, or none. So a bundle whose training data are in NFC composes what it is asked.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from itertools import accumulate
from typing import Final

from goldilocks.support.text.scripts import marks

NFC: Final = "NFC"


def is_composed(item: str | tuple[str, ...]) -> bool:
    """Whether a text, or each of several, is in NFC."""
    if isinstance(item, str):
        return unicodedata.is_normalized(NFC, item)
    return all(unicodedata.is_normalized(NFC, text) for text in item)


def composed(item: str | tuple[str, ...]) -> str | tuple[str, ...]:
    r"""A text, or several, in NFC.

    Example:
        >>> composed(("cafe\u0301", "tea")) == ("caf\u00e9", "tea")
        True
    """
    if isinstance(item, str):
        return unicodedata.normalize(NFC, item)
    return tuple(unicodedata.normalize(NFC, text) for text in item)


def original(answer: str, text: str) -> str:
    r"""The part of ``text`` that composed is ``answer``; ``answer`` itself where there is none.

    Example:
        >>> original("caf\u00e9", "un cafe\u0301, un the\u0301") == "cafe\u0301"
        True
    """
    if not answer or answer in text:
        return answer
    clusters = _cluster().findall(text)
    parts = [unicodedata.normalize(NFC, cluster) for cluster in clusters]
    first = "".join(parts).find(answer)
    ends = dict(zip(accumulate(map(len, parts)), accumulate(map(len, clusters)), strict=True)) | {0: 0}
    last = first + len(answer)
    return text[ends[first] : ends[last]] if first in ends and last in ends else answer


@cache
def _cluster() -> re.Pattern[str]:
    """A character and its marks, or the conjoining jamo of Hangul in a row."""
    return re.compile(rf"[\u1100-\u11ff]+|.[{marks()}]*", re.DOTALL)
