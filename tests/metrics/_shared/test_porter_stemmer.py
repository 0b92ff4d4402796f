from __future__ import annotations

import random

import pytest

from goldilocks.metrics._shared.porter_stemmer import stem

_ROOTS = """relat agree hop fizz troubl siz happ sky enjoy radic analog hesit conform vietnam oper decis hope triplic
electr good reviv allow adjust effect adopt homolog control roll rate ceas geo tr sing y by oo a"""
_ENDS = """s es ies sses ed eed ing ied y ational tional enci izer bli alli entli eli ousli ization ator alism iveness
fulli logi icate ative alize iciti ical ful ness al ance er ic able ant ement ment ent ion tion sion ou ism ate ous ive
ize ll e"""


def test_stems_are_those_of_nltk() -> None:
    theirs = pytest.importorskip("nltk.stem.porter").PorterStemmer()
    rng = random.Random(0)
    words = {root + end for root in _ROOTS.split() for end in ["", *_ENDS.split()]}
    words |= {"".join(rng.choices("aeiouybcdlnrstz", k=rng.randint(1, 9))) for _ in range(5000)}
    words |= {"skies", "dying", "innings", "news", "succeed", "proceed", "ties", "died", "grüße", "naïve"}
    wrong = {word: (stem(word), theirs.stem(word)) for word in words if stem(word) != theirs.stem(word)}
    assert not wrong
