"""Two things in a text whose relation is asked for, and the markers around them: ``[E1] … [/E1]`` and ``[E2] … [/E2]``.

Producers and consumers of such texts share these markers and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

MARKERS = {"e1": ("[E1]", "[/E1]"), "e2": ("[E2]", "[/E2]")}
"""Role -> opening and closing marker."""
ALL_MARKERS = tuple(marker for pair in MARKERS.values() for marker in pair)
_MARKER = re.compile("(" + "|".join(map(re.escape, ALL_MARKERS)) + ")")


def cut(text: str) -> list[str]:
    """The markers of a text and the pieces before, between and after them, in order, stripped.

    Example:
        >>> cut("The [E1] author [/E1] of a [E2] keygen [/E2]")
        ['The', '[E1]', 'author', '[/E1]', 'of a', '[E2]', 'keygen', '[/E2]']
    """
    return [piece for part in _MARKER.split(text) if (piece := part.strip())]


def all_marked(texts: Sequence[str | tuple[str, ...]]) -> bool:
    """Whether there are texts and each has every marker, opening before closing.

    Example:
        >>> all_marked(["[E1] a [/E1] [E2] b [/E2]"]), all_marked(["[E1] a [/E1] b"]), all_marked([])
        (True, False, False)
    """
    return bool(texts) and all(isinstance(text, str) and _marked(text) for text in texts)


def _marked(text: str) -> bool:
    return all(-1 < text.find(before) < text.find(behind) for before, behind in MARKERS.values())
