"""Which encoding text that is not UTF-8 is in: decoders are tried, and the most plausible decoding wins.

A byte sequence is often valid in several legacy encodings, so that decoding without an error proves little. What tells
the East Asian ones apart is which characters come out: GB 2312, Big5, JIS X 0208 and KS X 1001 each have a block of
common characters, and text in the wrong encoding falls outside it. What is none of these is left to charset-normalizer,
which tells single-byte encodings apart by the letters of languages. ``benchmarks/encoding_detection.py`` measures both.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from dataclasses import dataclass

SAMPLE_BYTES = 100_000
"""Bytes of lines with non-ASCII characters by which the encoding is detected."""
PLAUSIBLE = 0.8
"""Least share of common characters in a decoding that is taken."""
LEAST_BYTES = 6
"""Bytes beyond ASCII from which encodings of other scripts than Latin are detected."""
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WIDE = {"utf-32-le": (4, 0), "utf-32-be": (4, 3), "utf-16-le": (2, 0), "utf-16-be": (2, 1)}
"""Encoding -> bytes of a code unit, and which of them an ASCII character is in."""


def marked_encoding(start: bytes) -> str:
    """The Unicode encoding that a file's first bytes show, by a byte order mark or the zeros of UTF-16 and UTF-32.

    Args:
        start: The first bytes; a kilobyte is plenty.

    Example:
        >>> marked_encoding("hi".encode("utf-16")), marked_encoding("hi there".encode("utf-16-be"))
        ('utf-16', 'utf-16-be')
        >>> marked_encoding(b"plain ASCII")
        ''
    """
    for mark, name in _MARKS:
        if start.startswith(mark):
            return name
    for name, (width, place) in _WIDE.items():
        units = len(start) // width
        zeros = [start[offset : units * width : width].count(0) for offset in range(width)]
        # Latin letters (or at least line ends, commas and braces among others): zero in every byte but one.
        others = [zeros[offset] for offset in range(width) if offset != place]
        if units and zeros[place] * 10 <= units and all(5 * count >= 2 * units for count in others):
            return name
    return ""


# ------------------------------------------------------------------------------------------------ legacy encodings


@dataclass(frozen=True, slots=True)
class _EastAsian:
    """A double-byte encoding and its block of common characters."""

    codec: str
    name: str
    """As people call it."""
    first: int
    """Lead bytes of the common characters: from here..."""
    last: int
    """...to here."""
    kana: bool = False
    """Japanese is never written without kana; without any, it is another language misread."""


_KANA = re.compile("[\u3041-\u309f\u30a1-\u30ff]")
_MARKS_OF_EAST_ASIA = re.compile("[\u3000-\u3011\u3014\u3015\uff01-\uff5e·—…“”‘’]")
_EAST_ASIAN = (
    _EastAsian("cp932", "Shift_JIS", 0x88, 0x97, kana=True),
    _EastAsian("euc_jp", "EUC-JP", 0xB0, 0xCF, kana=True),
    _EastAsian("cp949", "EUC-KR", 0xB0, 0xC8),
    _EastAsian("gb18030", "GB 18030", 0xB0, 0xD7),
    _EastAsian("big5hkscs", "Big5", 0xA4, 0xC6),
)
_NAMES = {encoding.codec: encoding.name for encoding in _EAST_ASIAN} | {
    "cp1252": "Windows-1252",
    "cp1250": "Windows-1250",
    "cp1251": "Windows-1251",
    "cp1253": "Windows-1253",
    "cp1254": "Windows-1254",
    "cp1255": "Windows-1255",
    "cp1256": "Windows-1256",
    "cp1257": "Windows-1257",
    "koi8_r": "KOI8-R",
    "cp874": "Windows-874",
    "mac_roman": "Mac Roman",
    "cp437": "code page 437",
    "cp850": "code page 850",
}


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
}
"""Letters beyond ASCII of the languages that are written in an encoding."""
_LATIN = frozenset({*_ALPHABETS, "cp1257", "mac_roman", "cp437", "cp850"})
_TYPOGRAPHY = frozenset("“”„‘’‚–—…•«»‹›€£§°©®™¿¡·´\u00a0")


def detect(sample: bytes) -> tuple[str, str] | None:
    """``(codec, name)`` of the legacy encoding that makes the most plausible text; ``None`` where none does.

    Args:
        sample: Whole lines that are not UTF-8.

    Example:
        >>> detect("今天天气很好，我们去公园".encode("gb18030")), detect("Größe, Fuß und Straße".encode("cp1252"))
        (('gb18030', 'GB 18030'), ('cp1252', 'Windows-1252'))
    """
    lines = [line for line in sample.splitlines() if not line.isascii()]
    narrowed = b"\n".join(lines)
    scored = [(_commonness(narrowed, encoding), encoding.codec) for encoding in _EAST_ASIAN]
    score, codec = max(scored, key=lambda pair: pair[0])
    if score < PLAUSIBLE:
        codec = _by_letters(narrowed)
    return (codec, _NAMES[codec]) if codec else None


def _commonness(raw: bytes, encoding: _EastAsian) -> float:
    """Share of the characters beyond ASCII that are common ones of the encoding; 0 where it cannot decode them."""
    try:
        text = raw.decode(encoding.codec)
    except UnicodeDecodeError:
        return 0.0
    counts = Counter(character for character in text if not character.isascii())
    kana = sum(count for character, count in counts.items() if _KANA.match(character))
    if encoding.kana and 10 * kana < counts.total():
        return 0.0
    common = kana if encoding.kana else 0
    for character, count in counts.items():
        encoded = character.encode(encoding.codec)
        if _MARKS_OF_EAST_ASIA.match(character) or (
            len(encoded) == 2 and encoding.first <= encoded[0] <= encoding.last
        ):
            common += count
    return common / counts.total() if counts else 0.0


def _by_letters(raw: bytes) -> str:
    """The codec that charset-normalizer takes for the likeliest of those we name; empty: none."""
    from charset_normalizer import from_bytes

    best = from_bytes(raw, cp_isolation=list(_NAMES)).best()
    if best is None or best.encoding not in _NAMES or best.encoding in _LATIN:
        return _latin(raw)
    beyond = sum(byte >= 0x80 for byte in raw)
    return best.encoding if beyond >= LEAST_BYTES else _latin(raw)


def _latin(raw: bytes) -> str:
    """The Latin encoding in which the characters beyond ASCII are nearest to those of one language; empty: none is."""
    best, most = "", PLAUSIBLE
    for codec, alphabets in _ALPHABETS.items():
        text = raw.decode(codec, errors="replace").lower()
        beyond = [character for character in text if not character.isascii()]
        marks = sum(character in _TYPOGRAPHY for character in beyond)
        share = (marks + max(sum(letter in alphabet for letter in beyond) for alphabet in alphabets)) / len(beyond)
        if share > most or (share == most and not best):  # the first of equals: Windows-1252 is the commonest
            best, most = codec, share
    return best
