"""Labels that differ only in how they are written."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable

from goldilocks.support.suggest import closest

_JOINTS = re.compile(r"[\s_\-\u00ad\u200b\u200e\u200f\u2060\ufeff]+")
"""Blanks, ``_``, ``-``, and invisible: soft hyphen, zero-width space, direction marks, word joiner, BOM."""
_EDGES = "\"'`´“”„‟‘’‚«»「」.,;:"
"""Quotation marks and stops at the ends of a label: what a broken cell or a typing error leaves there."""


def label_key(label: str) -> str:
    """What labels that are alike have in common; ``1.0`` is 1.

    Case, blanks, ``_``, ``-``, quotes and stops around a label, and characters of no width do not count.

    Example:
        >>> label_key("Sign-Up "), label_key('sign_up"'), label_key("1.0")
        ('signup', 'signup', '1')
    """
    text = unicodedata.normalize("NFKC", label).strip()
    if re.fullmatch(r"[+-]?\d+\.0+", text):
        return str(int(text.split(".")[0]))
    return _JOINTS.sub("", text.strip(_EDGES)).casefold()


def alike(labels: Iterable[str]) -> list[list[str]]:
    """Labels with one key, those of each key sorted.

    Example:
        >>> alike(["Money", "money", "sport"])
        [['Money', 'money']]
    """
    by_key: dict[str, set[str]] = {}
    for label in labels:
        by_key.setdefault(label_key(label), set()).add(label)
    return sorted(sorted(group) for key, group in by_key.items() if key and len(group) > 1)


def suggest_label(label: str, known: Collection[str]) -> str:
    """`` Did you mean 'x'?`` for the known label that is written alike or nearly so; else nothing."""
    key = label_key(label)
    same = sorted(other for other in known if key and label_key(other) == key)
    nearest = same[0] if same else closest(label, sorted(known))
    return "" if nearest is None else f" Did you mean {nearest!r}?"
