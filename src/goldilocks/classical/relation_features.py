"""Features of the relation of two marked entities for a linear model: the words in, between, before and after them.

As in ``pair_features`` a text becomes one line of marked n-grams, which is counted like any text:

1: 2:    a word of the first or the second entity in the order of the text; its last word and that word's ending again
<=>      a word or word bigram between the two; the whole of a short stretch as one; the first and the last of its words
<1 >2    the two words before the first entity and after the second
+        a run of four characters in the first entity, between the two or in the second, where asked for
~        which entity comes first, and how many words are between
'        any word of the text

Source: after Rink & Harabagiu 2010, "UTD: Classifying Semantic Relations by Combining Lexical and Semantic Resources"
(their lexical features; without the resources).
"""

from __future__ import annotations

from itertools import pairwise

from goldilocks.support.text import units
from goldilocks.support.text.entity_markers import ALL_MARKERS, MARKERS, cut
from goldilocks.support.text.units import SEGMENTATION

LONGEST_STRETCH = 8
"""Words between the entities that still count as one feature."""
ENDINGS = (3, 5)
"""Characters at the end of an entity that are features."""
_RUN = 4
_DISTANCES = (0, 1, 2, 3, 5, 8, 12, 20)


def marked_relation(text: str, *, characters: bool = False, segmentation: int = SEGMENTATION) -> str:
    """The marked n-grams of a text with two entities, separated by spaces.

    Args:
        text: The text with the markers of ``support/text/entity_markers.py``.
        characters: Also runs of four characters in and between the entities.
        segmentation: Version of the word segmentation.

    Example:
        >>> marked_relation("[E1] fire [/E1] by [E2] car [/E2]").split()[:6]
        ['1:fire', '1!fire', '1*ire', '2:car', '2!car', '2*car']
    """
    before, first, between, second, behind, forward = _split(text, segmentation)
    features: list[str] = []
    for name, words in (("1", first), ("2", second)):
        features += [f"{name}:{word}" for word in words]
        if words:
            features.append(f"{name}!{words[-1]}")
            features += [f"{name}*{words[-1][-size:]}" for size in ENDINGS if len(words[-1]) >= size]
    features += [f"={word}" for word in between] + [f"={previous}_{other}" for previous, other in pairwise(between)]
    if between:
        features += [f"=^{between[0]}", f"=${between[-1]}"]
    if len(between) <= LONGEST_STRETCH:
        features.append(f"=>{'_'.join(between)}")
    features += [f"<1{word}" for word in before[-2:]] + [f">2{word}" for word in behind[:2]]
    features += ["~forward" if forward else "~backward"]
    features += [f"~{step}" for step in _DISTANCES if len(between) >= step]
    if characters:
        features += [
            f"{name}+{run}" for name, words in (("1", first), ("=", between), ("2", second)) for run in _runs(words)
        ]
    every = dict.fromkeys((*before, *first, *between, *second, *behind))
    return " ".join([*features, *(f"'{word}" for word in every)])


def _runs(words: list[str]) -> list[str]:
    """Runs of four characters, ``·`` at both ends and between words."""
    text = f"·{'·'.join(words)}·"
    return [text[start : start + _RUN] for start in range(len(text) - _RUN + 1)]


def _split(text: str, segmentation: int) -> tuple[list[str], list[str], list[str], list[str], list[str], bool]:
    """Words before the first entity, in it, between the two, in the second, after it; and whether E1 comes first."""
    parts: list[list[str]] = [[]]
    opened: list[str] = []
    for piece in cut(text):
        if piece in ALL_MARKERS:
            parts.append([])
            opened += [piece] if piece in (MARKERS["e1"][0], MARKERS["e2"][0]) else []
        else:
            parts[-1] += units.words(piece, segmentation)
    parts += [[]] * (5 - len(parts))
    return parts[0], parts[1], parts[2], parts[3], parts[4], opened[:1] == [MARKERS["e1"][0]]
