"""Two things in a text whose relation is asked for, and the marks around them: ``[E1] … [/E1]`` and ``[E2] … [/E2]``.

Whoever makes such texts and whoever reads them know the marks from here, and not of each other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

MARKS = {"e1": ("[E1]", "[/E1]"), "e2": ("[E2]", "[/E2]")}
"""Role -> what stands before and behind it."""
ALL_MARKS = tuple(mark for pair in MARKS.values() for mark in pair)
_MARK = re.compile("(" + "|".join(map(re.escape, ALL_MARKS)) + ")")


def cut(text: str) -> list[str]:
    """The marks in a text and what stands before, between and behind them, in order; blanks around are dropped.

    Example:
        >>> cut("The [E1] author [/E1] of a [E2] keygen [/E2]")
        ['The', '[E1]', 'author', '[/E1]', 'of a', '[E2]', 'keygen', '[/E2]']
    """
    return [piece for one in _MARK.split(text) if (piece := one.strip())]


def all_marked(texts: Sequence[str | tuple[str, ...]]) -> bool:
    """Whether there are texts, and each has all marks, what stands before a thing before what stands behind it.

    Example:
        >>> all_marked(["[E1] a [/E1] [E2] b [/E2]"]), all_marked(["[E1] a [/E1] b"]), all_marked([])
        (True, False, False)
    """
    return bool(texts) and all(isinstance(one, str) and _marked(one) for one in texts)


def _marked(text: str) -> bool:
    return all(-1 < text.find(before) < text.find(behind) for before, behind in MARKS.values())
