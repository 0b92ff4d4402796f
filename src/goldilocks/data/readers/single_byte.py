"""Which single-byte encoding text is in: the one in which letters, their case and their order are those of a language.

Every byte is some character in nearly every such encoding, so that only what comes out can decide. Of scripts other
than Latin the letters have to be frequent ones of a language that is written so, capitals are at the beginning of
words, and marks follow letters; of Latin script the letters beyond ASCII have to be those of one language.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

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


_SCRIPTS = (
    _Script(
        ("cp1251", "koi8_r", "koi8_u", "cp866", "iso8859_5", "mac_cyrillic"),
        "\u0400-\u04ff",
        "оеаинтсрвлкмдпуыяі",
        "(?<=[а-яёіїєґ])[А-ЯЁІЇЄҐ]",
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
        "àâæçéèêëîïôœùûü",
        "áéíñóúüªº",
        "àáâãçéêíóôõúüªº",
        "åäöæøé",
        "àèéìòóù",
        "áéíóúëïöüè",
        "áðéíóúýþæö",
    ),
    "cp1250": (  # Polish, Czech and Slovak, Hungarian, Romanian, Croatian
        "ąćęłńóśźż",
        "áčďéěíňóřšťúůýžäĺľŕô",
        "áéíóöőúüű",
        "ăâîşţ",
        "čćđšž",
    ),
    "cp1254": ("çğıöşüâîû",),  # Turkish
    "cp1257": ("ąčęėįšųūž", "āčēģīķļņšūž", "äõöüšž"),  # Lithuanian, Latvian, Estonian
}
_ALPHABETS |= {
    "iso8859_15": _ALPHABETS["cp1252"],
    "iso8859_2": _ALPHABETS["cp1250"],
    "cp850": _ALPHABETS["cp1252"],
    "mac_roman": _ALPHABETS["cp1252"],
}
"""Letters beyond ASCII of the languages that are written in an encoding; the commonest encodings come first."""
_OLD = ("cp850", "mac_roman")
LATIN = frozenset(_ALPHABETS)
_TYPOGRAPHY = frozenset("“”„‘’‚–—…•«»‹›€£§°©®™¿¡·´№\u00a0")
_QUOTED_IN_WORD = re.compile(r"(?<=[^\W\d_])[“”„‘‚«»‹›•…£§°©®™¿¡´](?=[^\W\d_])")


def of_other_scripts(raw: bytes) -> str:
    """The codec in which bytes are text in Cyrillic, Arabic or Thai script; empty where they are in none.

    Example:
        >>> of_other_scripts("Завтрак был вкусный".encode("koi8_r")), of_other_scripts("Für später".encode("cp1252"))
        ('koi8_r', '')
    """
    best, best_share = "", 0.0
    for script in _SCRIPTS:
        for codec in script.codecs:
            regular, frequent = _shares(raw.decode(codec, errors="replace"), script)
            if regular >= REGULAR and frequent >= FREQUENT and regular + frequent > best_share:
                best, best_share = codec, regular + frequent
    return best


def is_regular(raw: bytes, codec: str) -> bool:
    """Whether letters are likely ones in likely places under a codec; ``True`` of codecs that are not known here."""
    script = next((script for script in _SCRIPTS if codec in script.codecs), None)
    if script is None:
        return True
    regular, frequent = _shares(raw.decode(codec, errors="replace"), script)
    return regular >= REGULAR and frequent >= LIKELY


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
        share = _latin_share(raw.decode(codec, errors="replace").lower(), alphabets)
        # The first of equals: Windows-1252 is the commonest.
        if share > best_share or (share == best_share and not best):
            best, best_share = codec, share
    return best


def _latin_share(text: str, alphabets: Sequence[str]) -> float:
    beyond = [character for character in text if not character.isascii()]
    if not beyond:
        return 0.0
    marks = sum(character in _TYPOGRAPHY for character in beyond) - len(_QUOTED_IN_WORD.findall(text))
    letters = max(sum(letter in alphabet for letter in beyond) for alphabet in alphabets)
    return (marks + letters) / len(beyond)
