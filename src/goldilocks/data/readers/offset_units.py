"""Offsets that do not count characters: UTF-16 code units, bytes of UTF-8, line ends that count once or twice.

Tools written in JavaScript or Java count a character beyond U+FFFF (an emoji) as two; older BRAT counts CR LF as one.
Another unit is taken for a whole source where it makes its entities fit better: they are the text that is said to be
there, or a name that other rows have, or begin and end at words. Where nothing decides, the rows are named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from itertools import accumulate

from goldilocks.support.text.word_tokenizer import cutter

Entity = tuple[int, int, str, str]
"""Start, end, label, and what the source says is there (empty: it does not say)."""
Marked = tuple[str, list[Entity]]
"""A text and its entities."""
UTF16 = "UTF-16 code units"
UNDECIDED = (
    "a character beyond U+FFFF, such as an emoji, before an entity: offsets are taken to count it as one, tools "
    "written in JavaScript count it as two"
)
_SAID, _CLEAN = 2, 1


def _utf16(text: str) -> list[int]:
    return [2 if character > "\uffff" else 1 for character in text]


def _utf8(text: str) -> list[int]:
    return [len(character.encode("utf-8", errors="replace")) for character in text]


def _line_end_once(text: str) -> list[int]:
    return [0 if text[place : place + 2] == "\r\n" else 1 for place in range(len(text))]


def _line_end_twice(text: str) -> list[int]:
    return [2 if character == "\n" else 1 for character in text]


Widths = Callable[[str], list[int]]
_UNITS: Mapping[str, Widths] = {
    UTF16: _utf16,
    "bytes of UTF-8": _utf8,
    "characters with CR LF as one": _line_end_once,
    "characters with a line end as two": _line_end_twice,
}
"""What offsets may count -> how many of it each character of a text is."""


def in_characters(marked: Sequence[Marked]) -> tuple[list[list[Entity]], str, list[int], list[int]]:
    """Entities with offsets in characters.

    Args:
        marked: Texts and entities of one source.

    Returns:
        The entities of each text; the unit that their offsets were found to count (empty: characters); the positions of
        texts whose entities moved; and the positions of texts where it is open whether an emoji counts as two.
    """
    all_entities = [entities for _, entities in marked]
    best, best_gain, moved = "", 0, list[int]()
    undecided: list[int] = []
    for unit, widths in _UNITS.items():
        places = [place for place, (text, entities) in enumerate(marked) if _differs(text, entities, widths)]
        if not places:
            continue
        names = _names(marked, set(places))
        gain = sum(
            _score(text, _converted(text, entities, widths), names) - _score(text, entities, names)
            for text, entities in (marked[place] for place in places)
        )
        if gain > best_gain:
            best, best_gain, moved = unit, gain, places
        if unit == UTF16 and gain == 0:
            undecided = places
    for place in moved:
        text, entities = marked[place]
        all_entities[place] = _converted(text, entities, _UNITS[best])
    return all_entities, best, moved, [] if best else undecided


def _differs(text: str, entities: Sequence[Entity], widths: Widths) -> bool:
    """Whether a character before the end of an entity counts otherwise than once."""
    if not entities or (text.isascii() and widths in (_utf16, _utf8)):
        return False
    return any(width != 1 for width in widths(text[: max(0, max(end for _, end, _, _ in entities))]))


def _converted(text: str, entities: Sequence[Entity], widths: Widths) -> list[Entity]:
    """The entities with offsets in characters; one inside a character stays as it is."""
    # Backwards, so that of several places with one count (a CR that counts nothing) the first is taken.
    places = {count: place for place, count in reversed(list(enumerate(accumulate(widths(text), initial=0))))}
    return [(places.get(start, start), places.get(end, end), label, surface) for start, end, label, surface in entities]


def _names(marked: Sequence[Marked], without: Set[int]) -> frozenset[str]:
    """What entities of the other texts are, where it has two characters at least."""
    return frozenset(
        text[start:end]
        for place, (text, entities) in enumerate(marked)
        if place not in without
        for start, end, _, _ in entities
        if 0 <= start < end - 1 < len(text)
    )


def _score(text: str, entities: Sequence[Entity], names: frozenset[str]) -> int:
    """How well entities fit their text."""
    edges = {edge for span in cutter()(text) for edge in span}
    total = 0
    for start, end, _, stated in entities:
        if not 0 <= start < end <= len(text):
            continue
        surface = text[start:end]
        if surface == stated or (not stated and surface in names):
            total += _SAID
        elif not stated and start in edges and end in edges:
            total += _CLEAN
    return total
