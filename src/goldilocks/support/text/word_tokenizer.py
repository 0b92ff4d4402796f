"""Word tokenisation of raw text, matched to that of a tagger's training data.

The finest cut is into units: a run of letters and digits, each character of a script without spaces (Chinese, Thai),
and any other single sign. That is how texts with offsets are cut for training. Where words come ready made, two things
are learnt of them: signs that stay with their neighbours (the point of ``3.14``, the hyphen of ``West-Indian``, but not
the full stop after ``Rome``), and words that are longer than that leaves them (``U.S.``, ``'s``, and the words of
segmented Chinese or Thai), of which the longest that fits is taken. In data that part every letter, every letter is a
unit.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from operator import add

from goldilocks.support.text.scripts import JOINERS, UNSPACED, marks
from goldilocks.support.text.units import FIRST_SEGMENTATION, SEGMENTATION, UNSPACED_1, character

Span = tuple[int, int]
"""Where a word begins and ends (exclusive), in characters from 0."""
Cutter = Callable[[str], list[Span]]

MAX_UNITS = 24
"""Maximum length of a known word; a longer one is an error in the data."""
_UNSPACED = {FIRST_SEGMENTATION: re.compile(f"[{UNSPACED_1}]"), SEGMENTATION: re.compile(f"[{UNSPACED}]")}
_NOT = re.compile("n['\u2019]t")


@dataclass(frozen=True, slots=True)
class WordTokenization:
    """A word tokenisation inferred from data; without further values it splits into units."""

    runs: bool = True
    """Letters and digits that follow one another are one unit."""
    apart: bool = False
    """``don't`` is ``do`` and ``n't``, as in the Penn Treebank."""
    joins: tuple[str, ...] = ()
    """Signs that stay with their neighbours: kind before, sign, kind after, where a kind is ``a`` (letter), ``0``
    (digit), ``字`` (a character of an unspaced script) or a blank (anything else, or nothing)."""
    known: tuple[str, ...] = ()
    """Words that ``joins`` alone would cut."""
    lines: bool = False
    """Whether the lines of a text are sentences of one item, as in training."""
    segmentation: int = FIRST_SEGMENTATION
    """Version of the units (``support/text/units.py``); bundles written before there were versions have the first."""


UNITS = WordTokenization(segmentation=SEGMENTATION)
FIRST_UNITS = WordTokenization()


def learnt(sentences: Iterable[Sequence[str]]) -> WordTokenization:
    """How the words of these sentences were cut.

    A sign stays with its neighbours if more different words hold it so than there are different places where it occurs
    apart between such neighbours. A longer word is known if it is met more often than its two halves in a row.

    Example:
        >>> learnt([["in", "West-India", "3.5"], ["in", "Rome", "."], ["in", "Oslo", "."]]).joins
        ('0.0', 'a-a')
    """
    # A blank is a word only of texts that are tagged by character; it cuts nothing.
    sentences = [[word for word in sentence if not word.isspace()] for sentence in sentences]
    words = {word for sentence in sentences for word in sentence}
    alphabetic = [word for word in words if word[:1].isalnum() and not _UNSPACED[SEGMENTATION].search(word)]
    runs = 2 * sum(len(word) > 1 for word in alphabetic) >= len(alphabetic)
    bare = replace(UNITS, runs=runs, apart=any(_NOT.fullmatch(word) for word in words))
    pattern = _pattern(bare.runs, bare.apart, bare.segmentation)
    units = {word: pattern.findall(word) for word in words}
    joined: dict[str, set[object]] = {}
    cut: dict[str, set[object]] = {}
    for word, parts in units.items():
        for key in _keys(parts) if len(parts) > 1 else ():
            joined.setdefault(key, set()).add(word)
    for sentence in sentences:
        for key, place in _cuts(sentence, units):
            cut.setdefault(key, set()).add(place)
    joins = tuple(sorted(key for key, held in joined.items() if len(held) > len(cut.get(key, ()))))
    first = cutter(replace(bare, joins=joins))
    # Before "'s" there is mostly a letter, so what its sign does at the beginning of a text says nothing.
    longer = {
        word
        for word, parts in units.items()
        if 1 < len(parts) <= MAX_UNITS and (_kind(word[0]) == " " or len(first(word)) > 1)
    }
    held = Counter(word for sentence in sentences for word in sentence if word in longer)
    held.subtract(pair for sentence in sentences for pair in map(add, sentence, sentence[1:]) if pair in longer)
    return replace(bare, joins=joins, known=tuple(sorted(word for word, more in held.items() if more > 0)))


@lru_cache(maxsize=8)
def cutter(cuts: WordTokenization = UNITS) -> Cutter:
    """What cuts a text into words.

    Example:
        >>> text = "1976年 in Rome."
        >>> [text[start:end] for start, end in cutter()(text)]
        ['1976', '年', 'in', 'Rome', '.']
    """
    pattern = _pattern(cuts.runs, cuts.apart, cuts.segmentation)
    joins, known = frozenset(cuts.joins), frozenset(cuts.known)
    reach: dict[str, int] = {}  # first unit of a known word -> units of the longest that begins with it
    for word in cuts.known:
        parts = pattern.findall(word)
        reach[parts[0]] = max(reach.get(parts[0], 0), len(parts))

    def spans(text: str) -> list[Span]:
        units = [match.span() for match in pattern.finditer(text)]
        tied = _tied(text, units, joins, cuts.segmentation)
        spans: list[Span] = []
        place = 0
        while place < len(units):
            begins = units[place][0]
            behind = place + 1
            while tied[behind - 1]:
                behind += 1
            furthest = min(len(units), place + reach.get(text[slice(*units[place])], 0))
            longest = (end for end in range(furthest, behind, -1) if text[begins : units[end - 1][1]] in known)
            behind = next(longest, behind)
            spans.append((begins, units[behind - 1][1]))
            place = behind
        return spans

    return spans


def _tied(text: str, units: Sequence[Span], joins: frozenset[str], segmentation: int) -> list[bool]:
    """Whether each unit stays with the next one because one of the two is a sign that does."""
    tied = [False] * len(units)
    if not joins:
        return tied
    for place, (start, end) in enumerate(units):
        if _kind(text[start], segmentation).strip():
            continue
        before = text[start - 1 : start] if place and units[place - 1][1] == start else ""
        behind = text[end : end + 1] if place + 1 < len(units) and units[place + 1][0] == end else ""
        left, right = _kind(before, segmentation), _kind(behind, segmentation)
        if f"{left}{text[start:end]}{right}" in joins:
            if left != " ":
                tied[place - 1] = True
            if right != " ":
                tied[place] = True
    return tied


def _keys(parts: Sequence[str]) -> Iterator[str]:
    """A key for each sign in a word that has a letter, digit or character next to it."""
    for place, sign in enumerate(parts):
        left = _kind(parts[place - 1][-1]) if place else " "
        right = _kind(parts[place + 1][0]) if place + 1 < len(parts) else " "
        if _kind(sign[0]) == " " and (left + right).strip():
            yield f"{left}{sign}{right}"


def _cuts(sentence: Sequence[str], units: dict[str, list[str]]) -> Iterator[tuple[str, tuple[str, str]]]:
    """Keys of signs that begin or end a word, and the words around them. Whether a blank stood there is not known."""
    for place, word in enumerate(sentence):
        if word.isalnum():
            continue
        parts = units[word]
        before = sentence[place - 1] if place else ""
        behind = sentence[place + 1] if place + 1 < len(sentence) else ""
        alone = len(parts) == 1
        left, right = _kind(before[-1:]), _kind(behind[:1])
        if _kind(parts[0][0]) == " " and left != " ":
            yield f"{left}{parts[0]}{right if alone else _kind(parts[1][0])}", (before, word)
            if alone and right != " ":
                yield f"{left}{word} ", (before, word)
        if _kind(parts[-1][0]) == " " and right != " ":
            yield f"{' ' if alone else _kind(parts[-2][-1])}{parts[-1]}{right}", (word, behind)


@lru_cache(maxsize=1 << 14)
def _kind(sign: str, segmentation: int = SEGMENTATION) -> str:
    if not sign:
        return " "
    if _UNSPACED[segmentation].match(sign):
        return "字"
    if sign.isdigit():
        return "0"
    # A combining mark ends the letter it belongs to.
    return "a" if sign.isalnum() or sign in JOINERS or unicodedata.category(sign)[0] == "M" else " "


@cache
def _pattern(runs: bool, apart: bool, segmentation: int) -> re.Pattern[str]:
    first = segmentation == FIRST_SEGMENTATION
    unspaced, unit = (UNSPACED_1, f"[{UNSPACED_1}]") if first else (UNSPACED, character())
    mark = f"[{JOINERS}{marks()}]"
    letter = rf"(?:[^\W_{unspaced}]{mark}*)"
    not_ = f"{letter}+?(?={_NOT.pattern}(?!{letter}))|{_NOT.pattern}(?!{letter})|" if apart else ""
    return re.compile(rf"{not_}{unit}|{letter}{'+' if runs else ''}|\S{mark}*")
