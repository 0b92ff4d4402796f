"""Spelling suggestions for unknown names: the closest known name, as a sentence for an error message."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from itertools import islice

_LONGEST, _MAX_NAMES = 100, 5_000
"""Names longer than this, and more of them, are not compared: the time grows with the square of their length."""


def closest(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The known name most similar to ``name``; ``None`` where none is similar enough.

    Args:
        name: What was written.
        known: The names there are.
        cutoff: Least similarity, 0 to 1 (``difflib.SequenceMatcher.ratio``).
    """
    if len(name) > _LONGEST:
        return None
    short = list(islice((other for other in known if len(other) <= _LONGEST), _MAX_NAMES))
    matches = difflib.get_close_matches(name, short, n=1, cutoff=cutoff)
    return matches[0] if matches else None


def suggest(name: str, known: Iterable[str], *, cutoff: float = 0.6, prefix: str = "") -> str:
    """`` Did you mean 'x'?`` for the closest known name, or nothing.

    Args:
        name: What was written.
        known: The names there are.
        cutoff: Least similarity, 0 to 1.
        prefix: Stands before the suggested name, where the user has to write it too.

    Example:
        >>> suggest("labl", ["text", "label"]), suggest("city", ["text", "label"])
        (" Did you mean 'label'?", '')
    """
    match = closest(name, known, cutoff=cutoff)
    return "" if match is None else f" Did you mean {prefix + match!r}?"
