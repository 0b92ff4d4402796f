"""Postal addresses in English and Chinese texts, by their form: a hint, not a guarantee."""

from __future__ import annotations

import re

_STREET = "Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Square|Sq|Terrace|Place|Pl|Way|Close"
_ENGLISH = re.compile(
    rf"\b\d{{1,5}}[A-Za-z]?,? (?:[A-Z][\w'’.-]* ){{1,4}}(?:{_STREET})\b\.?"  # 221B Baker Street
    r"(?:,? (?:[A-Z][\w'’-]*[ ,]+){1,3}(?:[A-Z]{2} \d{5}(?:-\d{4})?|[A-Z]{1,2}\d[\dA-Z]? \d[A-Z]{2})\b)?"  # , London
)
_CHINESE = re.compile(
    r"(?:[\u4e00-\u9fff]{2,7}(?:省|自治区))?(?:[\u4e00-\u9fff]{2,6}市)?(?:[\u4e00-\u9fff]{1,6}[区县])?"
    r"[\u4e00-\u9fff]{1,8}(?:路|街|道|巷|弄|胡同)\d{1,5}[号弄](?:\d{1,4}[号栋幢楼室单元]*)*"  # 浦东新区世纪大道100号
)
_MAYBE = re.compile(rf"[路街道巷弄同]\d|(?:{_STREET})\b")


def find_addresses(text: str) -> list[tuple[str, int, int]]:
    """(``address``, start, end) of what looks like a postal address, in order of position.

    Example:
        >>> find_addresses("to 221B Baker Street, please")
        [('address', 3, 20)]
    """
    if not _MAYBE.search(text):
        return []
    return sorted(
        (("address", *match.span()) for pattern in (_ENGLISH, _CHINESE) for match in pattern.finditer(text)),
        key=lambda match: match[1],
    )
