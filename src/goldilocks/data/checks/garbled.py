"""Texts that were decoded with the wrong encoding before they came here, or lost characters to one."""

from __future__ import annotations

import re
from collections.abc import Mapping

from goldilocks.data.findings import finding, plural_s, rows_in_words
from goldilocks.data.readers.encodings import detect
from goldilocks.data.readers.single_byte import LATIN
from goldilocks.records import Finding, Part, Severity, as_text

_CONTINUED = "[\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"
"""Bytes 0x80 to 0xBF as Latin-1 and Windows-1252 decode them."""
_UTF8 = re.compile(
    # Behind a capital a letter is one of a word in capitals: «IRMÃ…», «CAFÉ».
    f"(?<![A-ZÀ-Þ])(?:(?P<sure>Ã{_CONTINUED}|â€{_CONTINUED}|ð{_CONTINUED}{{3}})"
    f"|[Â-ß]{_CONTINUED}|[à-ï]{_CONTINUED}{{2}})"
)
_LOST = re.compile("\ufffd|锟斤拷")
_UPPER = re.compile("[\u0080-\u00ff]")
_LEAST, _SHARE = 10, 0.6
"""Characters beyond ASCII, and their share of a text, that no language in Latin letters has."""


def garbled(parts: Mapping[str, Part]) -> list[Finding]:
    """Rows whose text is not what its author wrote."""
    findings: list[Finding] = []
    for name, part in parts.items():
        rows = [row for row, text in zip(part.rows, part.texts, strict=True) if is_garbled(as_text(text))]
        if rows:
            findings.append(
                finding(
                    "garbled",
                    Severity.WARNING,
                    f"{len(rows):,} row{plural_s(rows)} whose text was once decoded with the wrong encoding, as in "
                    f"'grÃ¶ÃŸe' ({rows_in_words(rows)})",
                    "A model trained on such texts fails on correct ones. Export the file again from its source, in "
                    "UTF-8; converting it once more does not help.",
                    part=name,
                    rows=rows,
                )
            )
    return findings


def is_garbled(text: str) -> bool:
    """Whether a text is UTF-8 read as Latin-1, an encoding of another script read so, or has lost characters.

    Example:
        >>> is_garbled("grÃ¶ÃŸe"), is_garbled("Größe, «CAFÉ»"), is_garbled("½ñÌìÌìÆøºÜºÃ"), is_garbled("caf\ufffd")
        (True, False, True, True)
    """
    if text.isascii():
        return False
    if _LOST.search(text):
        return True
    matches = [match for match in _UTF8.finditer(text) if _decodes(match[0])]
    if len(matches) > 1 or any(match["sure"] for match in matches):
        return True
    n_upper, n_signs = len(_UPPER.findall(text)), sum(not sign.isspace() for sign in text)
    if n_upper < _LEAST or n_upper < _SHARE * n_signs:
        return False
    detected = detect(_bytes(text))
    return detected is not None and detected[0] not in LATIN


def _decodes(piece: str) -> bool:
    try:
        _bytes(piece).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _bytes(text: str) -> bytes:
    """The bytes that Windows-1252, or Latin-1 where that has none, made these characters of; others are left out."""
    raw = bytearray()
    for sign in text:
        try:
            raw += sign.encode("cp1252")
        except UnicodeEncodeError:
            raw += sign.encode("latin-1", errors="ignore")
    return bytes(raw)
