"""Control characters of foreign text (labels, file names, answers of endpoints): they act on a terminal or a page.

Taken out: escape sequences of terminals (ANSI CSI, OSC with what they carry, and the like), the control characters C0
and C1, and the controls of bidirectional text, which show a text in another order than it has. Letters, accents and
joiners stay as they are.
"""

from __future__ import annotations

import re

_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI: colours, cursor, erasing
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC, DCS, SOS, PM, APC to their end
    r"|\x1b[ -/]*[0-~]?"  # any other escape
)
_BIDIRECTIONAL = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_CONTROL = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029{_BIDIRECTIONAL}]")
_IN_JSON = re.compile(f"[\x7f-\x9f\u2028\u2029{_BIDIRECTIONAL}]")


def visible(text: str) -> str:
    r"""The text without what a reader does not see; tabs and line ends stay.

    Example:
        >>> visible("\x1b[31mred\x1b[0m \u202egnp.exe \x1b]0;title\x07ok")
        'red gnp.exe ok'
    """
    return _CONTROL.sub("", _SEQUENCE.sub("", text.replace("\r\n", "\n")))


def json_visible(text: str) -> str:
    r"""JSON with such characters written as ``\uXXXX``: the same value, safe to show.

    Example:
        >>> json_visible('"a\u202eb"')
        '"a\\u202eb"'
    """
    return _IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
