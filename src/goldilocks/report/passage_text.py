"""Passages of wrong answers as HTML: text with gold and predicted pieces marked."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from markupsafe import Markup

from goldilocks.records import Mark, Passage
from goldilocks.report.svg import tag
from goldilocks.report.words import clean
from goldilocks.support.text.translation import _

_BRIEF, _LONG = 220, 700
"""Characters of a passage on the first screen and in the list of errors."""


def passage_text(passage: Passage, *, brief: bool = False) -> Markup:
    """The text of a passage, cut to what surrounds its marks; pieces under the same marks are one element."""
    begin, end = _window(passage, _BRIEF if brief else _LONG)
    edges = {begin, end, *(edge for mark in passage.marks for edge in (mark.start, mark.end) if begin < edge < end)}
    places = sorted(edges)
    parts: list[Markup | str] = ["…"] if begin else []
    for start, stop in itertools.pairwise(places):
        inside = [mark for mark in passage.marks if mark.start <= start and stop <= mark.end]
        parts.append(_piece(passage.text[start:stop], inside, stop))
    parts += ["…"] if end < len(passage.text) else []
    return Markup("").join(part if isinstance(part, Markup) else clean(part) for part in parts)


def _window(passage: Passage, limit: int) -> tuple[int, int]:
    """The part that is shown: all, the beginning, or what is around the marks."""
    n = len(passage.text)
    if n <= limit:
        return 0, n
    if not passage.marks:
        return 0, limit
    first = min(mark.start for mark in passage.marks)
    begin = max(0, min(first - limit // 3, n - limit))
    return begin, begin + limit


def _piece(text: str, marks: Sequence[Mark], end: int) -> Markup | str:
    if not marks:
        return text
    kinds = " ".join(dict.fromkeys(mark.kind for mark in marks))
    title = "; ".join(_words(mark) for mark in marks)
    labels = [mark.label for mark in marks if mark.label and mark.end == end]
    shown = [tag("sub", " · ".join(dict.fromkeys(labels)))] if labels else []
    return tag("mark", text, *shown, class_=kinds, title=title)


def _words(mark: Mark) -> str:
    messages = {
        "gold": _("gold, not predicted: {label}"),
        "predicted": _("predicted, not gold: {label}"),
        "found": _("right: {label}"),
        "wrong": "{label}",
    }
    return messages.get(mark.kind, "{label}").format(label=mark.label).rstrip(": ")
