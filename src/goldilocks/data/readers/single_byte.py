"""Which single-byte encoding text is in: the one in which letters, their case and their order are those of a language.

Every byte is some character in nearly every such encoding, so that only what comes out can decide. Of scripts other
than Latin the letters have to be frequent ones of a language that is written so, capitals are at the beginning of
words, and marks follow letters; of Latin script the letters beyond ASCII have to be those of one language.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

PLAUSIBLE = 0.8
"""Least share of the characters beyond ASCII that have to be letters of one language in Latin script."""
REGULAR = 0.95
"""The same of another script, where no letter is in an odd place."""
FREQUENT = 0.7
"""Least share of frequent letters among those of another script."""

LIKELY = 0.5
"""The same where charset-normalizer takes the text for one in that script."""


@dataclass(frozen=True, slots=True)
class _Script:
    """A script that is not Latin."""

    codecs: tuple[str, ...]
    letters: str
    """Character class."""
    frequent: str
    """Letters that make up most of every text."""
    odd: str
    """Pattern of letters where they cannot occur."""
    capitals: str = ""
    """Character class of capitals, in a script that has them: few letters are."""


_SCRIPTS = (
    _Script(
        ("cp1251", "koi8_r", "koi8_u", "cp866", "iso8859_5", "mac_cyrillic"),
        "\u0400-\u04ff",
        "оеаинтсрвлкмдпуыяі",
        "(?<=[а-яёіїєґ])[А-ЯЁІЇЄҐ]",
        "А-ЯЁІЇЄҐ",
    ),
    _Script(
        ("cp1253", "iso8859_7", "cp737", "cp869"),
        "\u0384-\u0386\u0388-\u03ce",
        "αάοόιίεέτνσςηήρπκυύλμ",
        "ς(?=[α-ώ])|(?<=[α-ώ])[Ά-ΏΑ-Ω]",
        "Ά-ΏΑ-Ω",
    ),
    _Script(
        ("cp1255", "iso8859_8", "cp862"),
        "\u05b0-\u05c3\u05d0-\u05ea\u05f0-\u05f4",
        "יוהלאתרבםמשנעחד",
        "[ךםןףץ](?=[א-ת])|(?<![\u05b0-\u05c3א-ת])[\u05b0-\u05c3]",
    ),
    _Script(
        ("cp1256", "iso8859_6"),
        "\u0621-\u0652\u060c\u061b\u061f\u067e\u0686\u0698\u06a9\u06af\u06be\u06cc",
        "الينمورتبعةدفسه",
        "[\u0629\u0649](?=[\u0621-\u064a])",
    ),
    _Script(
        ("cp874",),
        "\u0e01-\u0e5b",
        "านรกอเงมยวล่ท้ีัดตสคบ",
        "(?<![\u0e01-\u0e2e\u0e31\u0e34-\u0e3a\u0e47-\u0e4e])[\u0e31\u0e34-\u0e3a\u0e47-\u0e4e]",
    ),
)
_ALPHABETS = {
    "cp1252": (  # German, French, Spanish, Portuguese, Scandinavian, Italian, Dutch and Icelandic
        "äöüß",
        "éàèçê âæëîïôœùûü",
        "áéíóñú üªº",
        "ãçáéíóêõú àâôüªº",
        "åäöæø é",
        "àèéìòù",
        "éëï áíóúöüè",
        "áðéíóúýþæö",
    ),
    "cp1250": (  # Polish, Czech and Slovak, Hungarian, Romanian, Croatian
        "ąćęłńóśźż",
        "áčéěířšúůýž ďňóťäĺľŕô",
        "áéíóöőúüű",
        "ăâîşţ",
        "čćđšž",
    ),
    "cp1254": ("çğıöşü\u0307 âîû",),  # Turkish
    "cp1257": ("ąčęėįšųūž", "āčēģīķļņšūž", "äõöüšž"),  # Lithuanian, Latvian, Estonian
    "cp1258": ("àáâãèéêìíòóôõùúýăđĩũơư\u0300\u0301\u0303\u0309\u0323",),  # Vietnamese: tones are marks of their own
}
_ALPHABETS |= {
    "iso8859_15": _ALPHABETS["cp1252"],
    "iso8859_2": _ALPHABETS["cp1250"],
    "cp850": _ALPHABETS["cp1252"],
    "mac_roman": _ALPHABETS["cp1252"],
    "cp852": _ALPHABETS["cp1250"],
    "mac_latin2": _ALPHABETS["cp1250"],
    "cp857": _ALPHABETS["cp1254"],
}
"""Letters beyond ASCII of the languages that are written in an encoding, after a blank the rarer ones; the commonest
encodings come first."""
RARE = 0.9
"""What a rarer letter counts."""
_OLD = ("cp850", "mac_roman", "cp852", "mac_latin2", "cp857")
LATIN = frozenset(_ALPHABETS)
_TYPOGRAPHY = frozenset("“”„‘’‚–—…•«»‹›€£§°©®™¿¡·´№\u00a0")
_STRAY_TONE = re.compile("(?<![aeiouyâêôăơưđ])[\u0300\u0301\u0303\u0309\u0323]", re.IGNORECASE)
"""A tone of Vietnamese that is not on a vowel."""
_MOSTLY_CAPITALS = 0.2
"""What a reading in capitals is less plausible: such are the letters of another script, misread."""
_QUOTED_IN_WORD = re.compile(r"(?<=[^\W\d_])[“”„‘‚«»‹›•…£§°©®™¿¡´](?=[^\W\d_])")


def of_other_scripts(raw: bytes) -> str:
    """The codec in which bytes are text in Cyrillic, Greek, Hebrew, Arabic or Thai script; empty: in none.

    Example:
        >>> of_other_scripts("Завтрак был вкусный".encode("koi8_r")), of_other_scripts("Für später".encode("cp1252"))
        ('koi8_r', '')
    """
    best, best_share = "", 0.0
    for script in _SCRIPTS:
        for codec in script.codecs:
            try:
                text = raw.decode(codec)
            except UnicodeDecodeError:
                continue
            regular, frequent = _shares(text, script)
            share = regular + frequent - _MOSTLY_CAPITALS * _in_capitals(text, script)
            if regular >= REGULAR and frequent >= FREQUENT and share > best_share:
                best, best_share = codec, share
    return best


def is_regular(raw: bytes, codec: str) -> bool:
    """Whether letters are likely ones in likely places under a codec; ``True`` of codecs that are not known here."""
    script = next((script for script in _SCRIPTS if codec in script.codecs), None)
    if script is None:
        return True
    regular, frequent = _shares(raw.decode(codec, errors="replace"), script)
    return regular >= REGULAR and frequent >= LIKELY


def _in_capitals(text: str, script: _Script) -> bool:
    """Whether most letters are capitals."""
    capitals = len(re.findall(f"[{script.capitals}]", text)) if script.capitals else 0
    return 2 * capitals > len(re.findall(f"[{script.letters}]", text))


def _shares(text: str, script: _Script) -> tuple[float, float]:
    """Share of the characters beyond ASCII that are letters in their place; share of frequent letters among those."""
    beyond = [character for character in text if not character.isascii()]
    letters = re.findall(f"[{script.letters}]", text)
    if not letters:
        return 0.0, 0.0
    marks = sum(character in _TYPOGRAPHY for character in beyond)
    mixed = f"(?<=[A-Za-z])[{script.letters}]|[{script.letters}](?=[A-Za-z])"  # words are in one script
    odd = len(re.findall(script.odd, text)) + len(re.findall(mixed, text))
    regular = (len(letters) + marks - odd) / len(beyond)
    return regular, sum(letter.lower() in script.frequent for letter in letters) / len(letters)


def of_latin(raw: bytes) -> str:
    r"""The Latin encoding in which the characters beyond ASCII are nearest to those of one language; empty: none is.

    Example:
        >>> of_latin("Frühstück".encode("cp1252")), of_latin("Frühstück".encode("cp850")), of_latin(b"\x9d\x90")
        ('cp1252', 'cp850', '')
    """
    best, best_share = "", PLAUSIBLE
    beyond = sum(byte >= 0x80 for byte in raw)
    # Of a language in Latin script most letters are ASCII; without such the old encodings turn any bytes into letters.
    words = sum(byte < 0x80 and chr(byte).isalpha() for byte in raw) >= 2 * beyond
    for codec, alphabets in _ALPHABETS.items():
        if codec in _OLD and not words:
            continue
        try:
            share = _latin_share(raw.decode(codec), alphabets)
        except UnicodeDecodeError:
            continue
        # The first of equals: Windows-1252 is the commonest.
        if share > best_share or (share == best_share and not best):
            best, best_share = codec, share
    return best


def _latin_share(text: str, alphabets: Sequence[str]) -> float:
    capitals = sum(previous.islower() and letter.isupper() and letter > "\x7f" for previous, letter in pairwise(text))
    odd = len(_QUOTED_IN_WORD.findall(text)) + len(_STRAY_TONE.findall(text)) + capitals
    beyond = [character for character in text.lower() if not character.isascii()]
    if not beyond:
        return 0.0
    marks = sum(character in _TYPOGRAPHY for character in beyond) - odd
    letters = max(
        sum(letter in common for letter in beyond) + RARE * sum(letter in rare for letter in beyond)
        for common, _, rare in (alphabet.partition(" ") for alphabet in alphabets)
    )
    return (marks + letters) / len(beyond)
