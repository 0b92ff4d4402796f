"""Offsets that do not count characters: UTF-16 code units, bytes of UTF-8, line ends that count once or twice.

Tools written in JavaScript or Java count a character beyond U+FFFF (an emoji) as two; older BRAT counts CR LF as one.
Another unit is taken for a whole source where it makes its entities fit better: they are the text that is said to be
there, or a name that other rows have, or begin and end at words. Where nothing decides, the rows are named.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from itertools import accumulate

from goldilocks.support.text.word_tokenizer import cutter

Entity = tuple[int, int, str, str]
"""Start, end, label, and what the source says is there (empty: it does not say)."""
Marked = tuple[str, list[Entity]]
"""A text and its entities."""
UTF16 = "UTF-16 code units"
GRAPHEMES = "what is seen as one character"
UNDECIDED = (
    "a character beyond U+FFFF, such as an emoji, before an entity: offsets are taken to count it as one, tools "
    "written in JavaScript count it as two"
)
_REPEATS = 3
"""Entities that have to come back before that shows the unit."""
_SAID, _CLEAN, _HALF = 4, 2, 1
"""Scores of an entity that is what is said to be there, begins and ends at words, or does one of both."""
_JOINED = re.compile("[\u200d\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")
"""Joiners, variation selectors, skin tones and the letters of flags: parts of the emoji before them."""


Widths = Callable[[str], list[int]]
"""How much each character of a text counts."""


def _utf16(text: str) -> list[int]:
    return [2 if character > "\uffff" else 1 for character in text]


def _utf8(text: str) -> list[int]:
    return [len(character.encode("utf-8", errors="replace")) for character in text]


def _line_end_once(text: str) -> list[int]:
    return [0 if text[place : place + 2] == "\r\n" else 1 for place in range(len(text))]


def _line_end_twice(text: str) -> list[int]:
    return [2 if character == "\n" else 1 for character in text]


def _graphemes(text: str) -> list[int]:
    """1 for the first character of what is seen as one, an emoji or a letter with its marks, 0 for the others."""
    widths: list[int] = []
    flags = 0
    for place, character in enumerate(text):
        before = text[place - 1] if place else ""
        flags = flags + 1 if "\U0001f1e6" <= character <= "\U0001f1ff" else 0
        joined = before == "\u200d" or _JOINED.match(character) or unicodedata.category(character)[0] == "M"
        inner = bool(before) and (joined or (flags and flags % 2 == 0) or (before, character) == ("\r", "\n"))
        widths.append(0 if inner else 1)
    return widths


def _product(first: Widths, second: Widths) -> Widths:
    """Characters that count as much as both say: an emoji as two, and a line end as none."""
    return lambda text: [one * other for one, other in zip(first(text), second(text), strict=True)]


_UNITS: Mapping[str, Widths] = {
    UTF16: _utf16,
    "bytes of UTF-8": _utf8,
    "characters with CR LF as one": _line_end_once,
    "characters with a line end as two": _line_end_twice,
    "UTF-16 code units with CR LF as one": _product(_utf16, _line_end_once),
    "UTF-16 code units with a line end as two": _product(_utf16, _line_end_twice),
    GRAPHEMES: _graphemes,
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
        differing = [marked[place] for place in places]
        converted = [(text, _converted(text, entities, widths)) for text, entities in differing]
        gain = sum(_score(*row, names) for row in converted) - sum(_score(*row, names) for row in differing)
        if gain == 0 and unit in (UTF16, GRAPHEMES):
            repeats = _n_repeated(converted) - _n_repeated(differing)
            gain = int(repeats >= max(_REPEATS, sum(len(entities) for _, entities in differing) / 4))
        if gain > best_gain:
            best, best_gain, moved = unit, gain, places
        if unit == UTF16 and gain == 0:
            undecided = places
    for place in moved:
        text, entities = marked[place]
        converted_row = _converted(text, entities, _UNITS[best])
        all_entities[place] = [
            entity if -1 in (start, end) else (start, end, label, surface)
            for entity, (start, end, label, surface) in zip(entities, converted_row, strict=True)
        ]
    return all_entities, best, moved, [] if best else undecided


def _differs(text: str, entities: Sequence[Entity], widths: Widths) -> bool:
    """Whether a character before the end of an entity counts otherwise than once."""
    if not entities or (text.isascii() and widths in (_utf16, _utf8)):
        return False
    return any(width != 1 for width in widths(text[: max(0, max(end for _, end, _, _ in entities))]))


def _converted(text: str, entities: Sequence[Entity], widths: Widths) -> list[Entity]:
    """The entities with offsets in characters; one inside a character is outside the text."""
    # Backwards, so that of several places with one count (a CR that counts nothing) the first is taken.
    places = {count: place for place, count in reversed(list(enumerate(accumulate(widths(text), initial=0))))}
    return [(places.get(start, -1), places.get(end, -1), label, surface) for start, end, label, surface in entities]


def _names(marked: Sequence[Marked], without: Set[int]) -> frozenset[str]:
    """What entities of the other texts are, where it has two characters at least."""
    return frozenset(
        text[start:end]
        for place, (text, entities) in enumerate(marked)
        if place not in without
        for start, end, _, _ in entities
        if 0 <= start < end - 1 < len(text)
    )


def _n_repeated(marked: Sequence[Marked]) -> int:
    """Entities that are the same text as another one: names come back, and what is cut out of a text does not."""
    counts = Counter(text[start:end] for text, entities in marked for start, end, _, _ in entities)
    return sum(count for name, count in counts.items() if count > 1 and len(name) > 1)


def _score(text: str, entities: Sequence[Entity], names: frozenset[str]) -> int:
    """How well entities fit their text."""
    spans = cutter()(text)
    starts, ends = {start for start, _ in spans}, {end for _, end in spans}
    total = 0
    for start, end, _, stated in entities:
        if not 0 <= start < end <= len(text):
            continue
        surface = text[start:end]
        if surface == stated or (not stated and surface in names):
            total += _SAID
        elif not stated:
            half = start in starts or (end in ends and not "\uac00" <= text[start] <= "\ud7a3")  # particles follow
            total += _CLEAN if start in starts and end in ends else _HALF if half else 0
    return total
