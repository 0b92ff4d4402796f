r"""Word segmentation: what a text is made of, for metrics, n-gram features and baselines.

One segmentation for all of them, without a dictionary or a model:

normalisation  Unicode NFC. Presentation forms (full and half width, Arabic forms, Latin ligatures) become their NFKC
               equivalents, because they differ in drawing only; soft hyphens and invisible direction marks are
               removed. Nothing else of NFKC is applied: it would make one word of ``Windows™``.
words          as in UAX 29: a run of letters and digits, each with its combining marks (``\w`` does not match them) and
               with joiners inside the word. That holds Indic vowel signs and conjuncts, Arabic and Hebrew points and
               decomposed accents. Korean is separated by its spaces.
characters     in scripts without spaces (see ``scripts.UNSPACED``) a unit is a letter with its marks, which for Burmese
               and Khmer includes stacked consonants.

Where we differ from UAX 29: full stops and commas separate the digits of a number, and apostrophes separate words in
``units`` (as in Google's rouge-score), not in ``words``.

What models count is kept with them as a version. Version 1, that of files without one, knows no normalisation and no
marks; version 2 is described above.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from goldilocks.errors import InputError
from goldilocks.support.text.scripts import CHINESE, IGNORED, JOINERS, SPACING_VOWELS, STACKERS, UNSPACED, marks

SEGMENTATION = 2
"""Version of the segmentation that new models use; saved with each model that counts words."""
FIRST_SEGMENTATION = 1
"""Version of models saved without one."""
UNSPACED_1 = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
"""Characters that are units of their own in version 1."""

_CHINESE = re.compile(f"[{CHINESE}]")
_UNSPACED = re.compile(f"[{UNSPACED}]")
_LETTER = re.compile(r"[^\W\d_]")
_FORMS = re.compile(f"[\ufb00-\ufb06\ufb13-\ufb17\ufb50-\ufdfb\ufe70-\ufefc\uff00-\uffef{IGNORED}]+")
_ONLY_IGNORED = re.compile(f"[{IGNORED}]+")
# Latin letters and the usual punctuation, of which NFC, version 1 and version 2 are the same: a shorter way, twice as
# fast. (Without U+0130, whose lower case has a combining mark.)
_PLAIN = re.compile("[\x00-\xac\xae-\u012f\u0131-\u02ff\u1e00-\u1eff\u2010-\u2027\u20ac]*+")
_PLAIN_UNIT = re.compile(r"[^\W_]+")
_PLAIN_WORD = re.compile(r"\w+(?:'\w+)*|[!?]")
_PLAIN_TOKEN = re.compile(r"\w+|[^\w\s]")


def normalised(text: str) -> str:
    r"""NFC; presentation forms by NFKC; without soft hyphens and direction marks.

    Example:
        >>> normalised("cafe\u0301") == "caf\u00e9", normalised("ＮＢＡ ﾊﾞｽ"), normalised("co\u00adoperate")
        (True, 'NBA バス', 'cooperate')
    """
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", _FORMS.sub(_as_compatible, text))


def _as_compatible(forms: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", _ONLY_IGNORED.sub("", forms[0]))


def units(text: str, version: int = SEGMENTATION) -> list[str]:
    """Words in lower case without punctuation; characters in scripts without spaces.

    Example:
        >>> units("The iPhone 15, 很好!"), units("हिन्दी में"), units("ดีมาก")
        (['the', 'iphone', '15', '很', '好'], ['हिन्दी', 'में'], ['ดี', 'ม', 'า', 'ก'])
    """
    return _found(text, version, _PLAIN_UNIT, _unit_pattern)


def words(text: str, version: int = SEGMENTATION) -> list[str]:
    """As ``units``, but ``don't`` and ``snake_case`` are one word each, and ``!`` and ``?`` are words too.

    Example:
        >>> words("Don't! l’été")
        ["don't", '!', "l'été"]
    """
    if version > FIRST_SEGMENTATION:
        text = text.replace("\u2019", "'")
    return _found(text, version, _PLAIN_WORD, word_pattern)


def tokens(text: str) -> list[str]:
    """As ``units``, with every punctuation mark, symbol and emoji (one sequence) as a token of its own.

    Example:
        >>> tokens("Don't 👩🏽‍🚀!")
        ['don', "'", 't', '👩🏽‍🚀', '!']
    """
    return _found(text, SEGMENTATION, _PLAIN_TOKEN, _token_pattern)


def _found(text: str, version: int, plain: re.Pattern[str], versioned: Callable[[int], re.Pattern[str]]) -> list[str]:
    if text.isascii() or _PLAIN.fullmatch(text):
        return plain.findall(text.lower())
    lowered = text.lower() if version == FIRST_SEGMENTATION else normalised(text).lower()
    return versioned(version).findall(lowered)


def count_words(text: str) -> int:
    """Runs without white space; in scripts without spaces each character (a letter with its marks) counts as one.

    Example:
        >>> count_words("Hello , world"), count_words("很好。"), count_words("ดีมาก")
        (3, 3, 4)
    """
    return sum(1 for _ in run_pattern().finditer(text))


# ------------------------------------------------------------------------------------------------------------ patterns


@cache
def character() -> str:
    """A character of a script without spaces: a letter, its marks, and what is stacked below it."""
    extended = f"[{marks()}{SPACING_VOWELS}]*+"
    return rf"[{UNSPACED}](?:[{marks()}{SPACING_VOWELS}]*[{STACKERS}][{UNSPACED}])*{extended}"


@cache
def word(*, underscore: bool = False) -> str:
    """A run of letters and digits with their marks, in scripts with spaces."""
    letter = rf"[^\W{'' if underscore else '_'}{UNSPACED}]"
    return rf"{letter}++(?:[{marks()}{JOINERS}]++{letter}*+)*+"


@cache
def run_pattern() -> re.Pattern[str]:
    """What ``count_words`` counts."""
    return re.compile(rf"{character()}|[^\s{UNSPACED}]+")


@cache
def word_pattern(version: int = SEGMENTATION) -> re.Pattern[str]:
    """What ``words`` finds in a normalised text in lower case."""
    if version == FIRST_SEGMENTATION:
        return re.compile(rf"[{UNSPACED_1}]|[^\W{UNSPACED_1}]+(?:'[^\W{UNSPACED_1}]+)*|[!?]")
    run = word(underscore=True)
    return re.compile(rf"{character()}|{run}(?:'{run})*|[!?]")


@cache
def _unit_pattern(version: int) -> re.Pattern[str]:
    if version == FIRST_SEGMENTATION:
        return re.compile(rf"[{UNSPACED_1}]|[^\W_{UNSPACED_1}]+")
    return re.compile(rf"{character()}|{word()}")


@cache
def _token_pattern(version: int) -> re.Pattern[str]:  # noqa: ARG001
    sign = rf"[^\w\s{JOINERS}]"
    emoji = rf"[\U0001f1e6-\U0001f1ff]{{2}}|{sign}(?:[{marks()}\U0001f3fb-\U0001f3ff]|\u200d{sign})*"
    return re.compile(rf"{character()}|{word(underscore=True)}|{emoji}")


# --------------------------------------------------------------------------------------------------- texts of an item


def unit_name(texts: Sequence[str]) -> str:
    """What most of the counted words of these texts are: ``characters`` of scripts without spaces, or ``words``.

    Example:
        >>> unit_name(["to Rome"]), unit_name(["去罗马 now"])
        ('words', 'characters')
    """
    letters = sum(len(_LETTER.findall(text)) for text in texts)
    return "characters" if letters and 2 * sum(map(_unspaced_letters, texts)) >= letters else "words"


def _unspaced_letters(text: str) -> int:
    return 0 if text.isascii() else len(_UNSPACED.findall(text))


def chinese(texts: Sequence[str]) -> bool:
    """Whether at least half of the letters are Chinese characters."""
    letters = sum(len(_LETTER.findall(text)) for text in texts)
    return letters > 0 and 2 * sum(len(_CHINESE.findall(text)) for text in texts) >= letters


def references(gold: Any) -> tuple[str, ...]:
    """The references in a gold answer of kind ``text``: it is one, or a tuple of them."""
    return tuple(map(str, gold)) if isinstance(gold, tuple) else (str(gold),)


def in_pairs(gold: Sequence[Any], predicted: Sequence[Any]) -> list[tuple[tuple[str, ...], str]]:
    """References and answer of each item.

    Raises:
        InputError: the two are not of one length.
    """
    if len(gold) != len(predicted):
        raise InputError(f"{len(gold)} gold and {len(predicted)} predicted texts; both need one entry per item.")
    return [(references(right), str(given)) for right, given in zip(gold, predicted, strict=True)]
