"""Which encoding text that is not UTF-8 is in: decoders are tried, and the most plausible decoding wins.

A byte sequence is often valid in several legacy encodings, so that decoding without an error proves little. What tells
the East Asian ones apart is which characters come out: GB 2312, Big5, JIS X 0208 and KS X 1001 each have a block of
common characters, and text in the wrong encoding falls outside it. Single-byte encodings are recognised by the letters
of languages (``single_byte.py``), the rest by charset-normalizer. ``benchmarks/encoding_detection.py`` measures it.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

from goldilocks.data.readers.single_byte import LATIN, is_regular, of_latin, of_other_scripts

SAMPLE_BYTES = 100_000
"""Bytes of lines with non-ASCII characters by which the encoding is detected."""
PLAUSIBLE = 0.8
"""Least share of common characters in a decoding that is taken."""
LONG_BYTES = 1_000
"""Fewer bytes are a complete file, so an odd length is not a cut code unit."""
MIN_BYTES = 6
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
        whole = len(start) % width == 0 or len(start) >= LONG_BYTES
        if units and whole and zeros[place] * 10 <= units and all(5 * count >= 2 * units for count in others):
            return name
    return _wide_encoding(start) if b"\x00" in start else ""


def _wide_encoding(start: bytes) -> str:
    r"""The encoding in wide code units that the blanks, line ends and commas of text in few Latin letters show.

    Example:
        >>> _wide_encoding("今天天气很好，我们去公园\n".encode("utf-16-be")), _wide_encoding(b"a\x00b\n")
        ('utf-16-be', '')
    """
    best, best_score = "", 0
    for name, (width, _) in _WIDE.items():
        try:
            text = codecs.getincrementaldecoder(name)().decode(start, final=len(start) < LONG_BYTES)
        except UnicodeDecodeError:
            continue
        # A private, unassigned or control character shows that this is not it; so does one of no common script.
        odd = sum(unicodedata.category(character) in ("Cc", "Co", "Cn", "Cs") for character in text)
        odd -= sum(text.count(blank) for blank in "\n\r\t")
        score = sum(text.count(sign) for sign in "\n \t,，。、") * width
        if text and not odd and score > best_score:
            best, best_score = name, score
    return best


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
NAMES = {encoding.codec: encoding.name for encoding in _EAST_ASIAN} | {
    "cp1252": "Windows-1252",
    "cp1250": "Windows-1250",
    "cp1251": "Windows-1251",
    "cp1253": "Windows-1253",
    "cp1254": "Windows-1254",
    "cp1255": "Windows-1255",
    "cp1256": "Windows-1256",
    "cp1257": "Windows-1257",
    "cp1258": "Windows-1258",
    "koi8_r": "KOI8-R",
    "cp874": "Windows-874",
    "mac_roman": "Mac Roman",
    "cp850": "code page 850",
    "cp852": "code page 852",
    "cp857": "code page 857",
    "cp737": "code page 737",
    "cp869": "code page 869",
    "cp862": "code page 862",
    "mac_latin2": "Mac Central European",
    "iso8859_2": "ISO-8859-2",
    "iso8859_15": "ISO-8859-15",
    "iso8859_5": "ISO-8859-5",
    "iso8859_6": "ISO-8859-6",
    "iso8859_7": "ISO-8859-7",
    "iso8859_8": "ISO-8859-8",
    "koi8_u": "KOI8-U",
    "cp866": "code page 866",
    "mac_cyrillic": "Mac Cyrillic",
    "iso2022_jp_2": "ISO-2022-JP",
    "iso2022_kr": "ISO-2022-KR",
    "hz": "HZ (GB 2312)",
}
"""Codec -> as people call it."""


SEVEN_BIT = ("iso2022_jp_2", "iso2022_kr", "hz")
_SEVEN_BIT = re.compile(rb"(?P<iso2022_jp_2>\x1b\$[@AB]|\x1b\(J)|(?P<iso2022_kr>\x1b\$\)C)|(?P<hz>~\{(?:[!-~]{2})+~\})")


def seven_bit_encoding(line: bytes) -> str:
    """The East Asian encoding of a line of ASCII bytes, by what switches between its character sets; empty: none.

    Example:
        >>> seven_bit_encoding("良い".encode("iso2022_jp")), seven_bit_encoding("服务".encode("hz"))
        ('iso2022_jp_2', 'hz')
    """
    match = _SEVEN_BIT.search(line)
    codec = match.lastgroup or "" if match else ""
    try:
        return codec if codec and not line.decode(codec).isascii() else ""
    except UnicodeDecodeError:
        return ""


UTF7_LEAST = 3
"""Words in UTF-7 by which a file is taken to be in it."""
_RARE = "\u0600"
"""Below are the letters of Latin, Greek, Cyrillic and Hebrew."""
_UTF7 = re.compile(rb"\+([A-Za-z0-9+/]*)(-?)")


def utf7_words(line: bytes) -> tuple[int, int]:
    """How many runs of letters beyond ASCII a line has as UTF-7, and how many of its ``+`` cannot be UTF-7.

    A run of a single rare character is neither: ``1+100-2`` would be one.

    Example:
        >>> utf7_words("Größe +, 服务".encode("utf-7")), utf7_words(b"C++ and 1+1-2"), utf7_words(b"1+100-2")
        ((2, 0), (0, 2), (0, 0))
    """
    words = wrong = 0
    for match in _UTF7.finditer(line):
        if match[0] == b"+-":
            continue
        try:
            text = match[0].decode("utf-7")
        except UnicodeDecodeError:
            wrong += 1
            continue
        kinds = {unicodedata.category(character)[0] for character in text}
        if not kinds <= set("LMPSNZ") or text.isascii():
            wrong += 1
        else:
            words += "L" in kinds and (len(text) > 1 or text < _RARE)
    return words, wrong


def detect(sample: bytes) -> tuple[str, str] | None:
    """``(codec, name)`` of the legacy encoding that makes the most plausible text; ``None`` where none does.

    Args:
        sample: Whole lines that are not UTF-8.

    Example:
        >>> detect("今天天气很好，我们去公园".encode("gb18030")), detect("Größe, Fuß und Straße".encode("cp1252"))
        (('gb18030', 'GB 18030'), ('cp1252', 'Windows-1252'))
    """
    lines = [line for line in sample.splitlines() if not line.isascii()]
    if not lines:
        return None
    narrowed = b"\n".join(lines)
    scored = [(_commonness(narrowed, encoding), encoding.codec) for encoding in _EAST_ASIAN]
    score, codec = max(scored, key=lambda pair: pair[0])
    if score < PLAUSIBLE:
        codec = _by_letters(narrowed)
    return (codec, NAMES[codec]) if codec else None


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
        encoded = character.encode(encoding.codec, errors="replace")  # two characters may have one code together
        if _MARKS_OF_EAST_ASIA.match(character) or (
            len(encoded) == 2 and encoding.first <= encoded[0] <= encoding.last
        ):
            common += count
    return common / counts.total() if counts else 0.0


def _by_letters(raw: bytes) -> str:
    """The codec in which the letters are those of a language; else what charset-normalizer takes; empty: none."""
    beyond = sum(byte >= 0x80 for byte in raw)
    if beyond >= MIN_BYTES and (codec := of_other_scripts(raw)):
        return codec
    from charset_normalizer import from_bytes

    best = from_bytes(raw, cp_isolation=list(NAMES)).best()
    if best is None or best.encoding not in NAMES or best.encoding in LATIN or beyond < MIN_BYTES:
        return of_latin(raw)
    return best.encoding if is_regular(raw, best.encoding) else of_latin(raw)
