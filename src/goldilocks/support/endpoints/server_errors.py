"""Errors in a server's own words: read from all common shapes, cleaned, and sorted by what can be done about them.

Keys, ``Authorization`` values and control characters are removed first: a server may send back whatever it received,
and its words end up in files and on screens.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote

MAX_CHARACTERS = 200
"""Maximum length of a server's own words in a message."""
REMOVED = "[removed]"

_ESCAPES = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|[\x1b\x9b]\[?[0-?]*[ -/]*[@-~]?")
_HALF = re.compile("[\ud800-\udfff]")
_UNICODE_ESCAPE = re.compile(r"\\u00([0-7][0-9a-fA-F])")
_CREDENTIALS = re.compile(
    r"""(?ix)
    \bbearer\s+(?!token\b|auth)[^\s"',;<>]+
    | \bbasic\s+[A-Za-z0-9+/]{8,}={0,2}
    | \b(?:proxy-)?authorization["']?\s*[:=]\s*["']?(?:(?:bearer|basic|token)\s+)?[^\s"',;<>]+
    | \b(?:x-)?api[-_ ]?key["']?\s*[:=]\s*["']?[^\s"',;<>]+
    | \b(?:sk|pk|rk|gsk|hf|xai|nvapi|AIza)[-_][A-Za-z0-9*._-]{6,}
    """
)

# Errors of one item: another item may well be answered.
_FILTERED = re.compile(
    r"content.?(?:filter|policy|management)|responsible.?ai|moderation|safety (?:system|polic|filter|setting)"
    r"|flagged|data_inspection_failed|sensitive.?(?:content|words?)|prohibited.?content|inappropriate content"
    r"|exists risk|blocked.{0,20}\bsafety|usage polic|敏感|违规|不安全"
)
_TOO_LONG = re.compile(
    r"context.?(?:length|window|size)|maximum.{0,20}(?:input|prompt|sequence|model).{0,10}(?:length|tokens)"
    r"|(?:prompt|input|request|message|string).{0,40}(?:too long|too large|above.?max)|too many (?:input )?tokens"
    r"|input.{0,20}tokens?\b.{0,60}(?:exceed|must be <=)|token (?:length|count).{0,60}exceed"
    r"|(?:超过|超出).{0,12}(?:长度|上下文)|(?:长度|上下文).{0,12}(?:超过|超出)|输入.{0,6}过长"
    r"|reduce (?:the|your) (?:length|prompt|input)|max_model_len|`?inputs`? must have less than|range of input length"
)
_NO_CREDIT = re.compile(
    r"insufficient.?(?:quota|balance|credit|funds)|exceeded your current quota|plan and billing|credit balance"
    r"|out of credits|billing.(?:hard.)?limit|billing.not.active"
)
_BUSY = re.compile(
    r"rate.?limit|too many requests|overload|busy|try again|time.?out|timed out|temporar|unavailable|capacity"
    r"|server.?error|upstream|internal error"
)
_STATUS_OF_GRPC = {3: 400, 4: 504, 5: 404, 7: 403, 8: 429, 9: 400, 11: 400, 12: 501, 13: 500, 14: 503, 16: 401}
"""Codes of gRPC, which its HTTP gateways send, and what the gateways translate them to."""
_STATUS_OF_TYPE = (
    (
        re.compile(r"rate.?limit|too many requests|resource.?exhausted|(?:qps|rpm|tpm|request).{0,9} limit|频繁|限流"),
        429,
    ),
    (re.compile(r"overload"), 529),
    (re.compile(r"time.?out"), 504),
    (re.compile(r"(?:invalid|incorrect).?api.?key|authenticat(?:ion|ed)|unauthorized"), 401),
    (re.compile(r"permission|forbidden"), 403),
    (re.compile(r"not.?found"), 404),
)


@dataclass(frozen=True, slots=True)
class ServerError:
    """An error that a server sent, with whatever status."""

    status: int
    """HTTP status, or the one that an error within status 200 names."""
    words: str
    """The message, cleaned, one line; empty where there is none."""
    kind: str = ""
    """Its code, type and parameter, cleaned, in lower case."""

    @property
    def _all(self) -> str:
        return f"{self.words} {self.kind}".casefold()

    @property
    def filtered(self) -> bool:
        """Whether a content filter refused this item."""
        return self.status == 451 or (self.status in (400, 403, 422) and bool(_FILTERED.search(self._all)))

    @property
    def too_long(self) -> bool:
        """Whether this item is longer than the model's context."""
        return self.status == 413 or (self.status in (400, 422, 500) and bool(_TOO_LONG.search(self._all)))

    @property
    def no_credit(self) -> bool:
        """Whether the account has no money left: waiting does not help."""
        return self.status in (402, 403, 429) and bool(_NO_CREDIT.search(self._all))

    def names(self, pattern: str) -> bool:
        """Whether its words, code, type or parameter match a pattern (of lower-case letters)."""
        return re.search(pattern, self._all) is not None

    def __str__(self) -> str:
        """Status and words."""
        return f"status {self.status}{f' ({self.words})' if self.words else ''}"


def read_error(raw: bytes, status: int, key: str) -> ServerError:
    """The error in an answer's body, of whatever shape.

    Args:
        raw: The body.
        status: HTTP status.
        key: The key that was sent; removed from what the server says.
    """
    try:
        content = json.loads(raw.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        text = re.sub(r"(?s)<(script|style|head)\b.*?</\1>|<[^>]*>", " ", raw[:20_000].decode("utf-8", "replace"))
        return ServerError(status, cleaned(text, key))
    return error_of(content, status, key)


def error_of(content: Any, status: int, key: str) -> ServerError:
    """The error in the JSON of an answer, of whatever shape; see ``read_error``."""
    message, kinds, named = "", list[str](), status
    for node in _nodes(content):
        message = message or _message(node)
        kinds += [
            _short(node[name]) for name in ("code", "type", "param", "status", "loc") if node.get(name) is not None
        ]
        if status == 200:
            named = _status_in(node) or named
    if not message and isinstance(content, str):
        message = content
    kind = cleaned(" ".join(kinds), key).casefold()
    words = cleaned(message, key)
    return ServerError(named if named != 200 else _status_of(f"{kind} {words}".casefold()), words, kind)


def _short(value: Any) -> str:
    """A scalar, or a list of scalars such as the ``loc`` of FastAPI, as text."""
    if isinstance(value, list):
        return " ".join(repr(part) for part in value[:10] if not isinstance(part, list | dict))
    return "" if isinstance(value, dict) else str(value)


def holds_error(content: Mapping[str, Any]) -> bool:
    """Whether an object without an answer says what went wrong, in any of the common shapes.

    Example:
        >>> holds_error({"success": False, "message": "no such model"}), holds_error({"message": {"content": "hi"}})
        (True, False)
    """
    return any(_message(node) for node in _nodes(content))


_DEEPEST = 8
"""Levels of JSON in which an error is looked for."""


def _nodes(content: Any, levels: int = _DEEPEST) -> Iterator[Mapping[str, Any]]:
    """The JSON objects that may hold the error, the innermost known place first."""
    if isinstance(content, list) and levels:
        for part in content[:3]:
            yield from _nodes(part, levels - 1)
    if not isinstance(content, dict) or not levels:
        return
    for name in ("error", "errors", "detail", "fault", "base_resp", "metadata"):
        yield from _nodes(content.get(name), levels - 1)
    yield content


def _message(node: Mapping[str, Any]) -> str:
    names = ("message", "msg", "Message", "error_msg", "error_message", "errorMessage", "status_msg", "faultstring")
    for name in (*names, "detail", "error", "title", "reason"):
        value = node.get(name)
        if isinstance(value, str) and value.strip():
            raw = node.get("metadata")
            raw = raw.get("raw") if isinstance(raw, dict) else None
            return f"{value}: {raw}" if isinstance(raw, str) and raw else value
    return ""


def _status_in(node: Mapping[str, Any]) -> int | None:
    """The HTTP status that an object names."""
    for name in ("status_code", "code", "status", "http_status"):
        value = node.get(name)
        number = int(value) if isinstance(value, str) and value.isdecimal() and len(value) == 3 else value
        if type(number) is int and 400 <= number <= 599:
            return number
    return _STATUS_OF_GRPC.get(node["code"]) if type(node.get("code")) is int and "message" in node else None


def _status_of(words: str) -> int:
    """The status that an error without one corresponds to: transient ones 503, all others 400."""
    for pattern, status in _STATUS_OF_TYPE:
        if pattern.search(words):
            return status
    return 503 if _BUSY.search(words) else 400


def cleaned(text: str, key: str, limit: int = MAX_CHARACTERS) -> str:
    r"""One short line without the key, other credentials, and control characters (of terminals, of text direction).

    Example:
        >>> cleaned("bad\x1b[31m key: Bearer abcdef\n", "abcdef")
        'bad key: [removed]'
    """
    text = _UNICODE_ESCAPE.sub(lambda match: chr(int(match[1], 16)), text[:20_000])
    text = _ESCAPES.sub("", whole(text))
    printable = "".join(sign for sign in text if sign.isprintable() or sign.isspace())
    printable = without_secret(_without_beginnings(_CREDENTIALS.sub(REMOVED, without_key(printable, key)), key), key)
    line = " ".join(printable.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def without_key(text: str, key: str) -> str:
    """The text with the key replaced wherever it occurs."""
    return text.replace(key, REMOVED) if key else text


def without_secret(text: str, key: str) -> str:
    """The text with the key replaced, also where it is in pieces or in another spelling."""
    return _without_pieces(without_key(text, key), key)


_PIECE = 8
"""Characters of a key in a row that give it away."""
_IN_WORD = re.compile(r"[\w%+/=.~*-]")


def _without_beginnings(text: str, key: str) -> str:
    """Without words that begin as the key does, as servers show keys they do not know."""
    return text if len(key) < _PIECE else re.sub(rf"{re.escape(key[:6])}\S*", REMOVED, text)


def _without_pieces(text: str, key: str) -> str:
    """Without the words that hold a piece of the key.

    Pieces are found in the spellings in which a server may send a request back: as it is, in base64, in hexadecimal
    digits and percent-encoded, whatever the case.
    """
    if len(key) < _PIECE:
        return text
    shown: list[str] = []
    done = 0
    # The words are found by hand: with words around the pieces, the pattern takes the square of the time on a long one.
    for match in _pieces(key).finditer(text):
        start, end = max(match.start(), done), match.end()
        if end <= done:
            continue
        while start > done and _IN_WORD.match(text[start - 1]):
            start -= 1
        while end < len(text) and _IN_WORD.match(text[end]):
            end += 1
        shown += [text[done:start], REMOVED]
        done = end
    return "".join([*shown, text[done:]])


@lru_cache(maxsize=8)
def _pieces(key: str) -> re.Pattern[str]:
    raw = key.encode()
    spellings = [key, raw.hex(), "".join(f"%{byte:02x}" for byte in raw), quote(key, safe="")]
    spellings += [re.sub(r"[^0-9A-Za-z]", lambda match: f"%{ord(match[0]):02x}", key)]
    for sent in (raw, b"Bearer " + raw, b"r " + raw, b" " + raw):  # each alignment in base64
        spellings += [b64encode(sent).decode().rstrip("=")[3:-3], urlsafe_b64encode(sent).decode().rstrip("=")[3:-3]]
    pieces = {spelt[place : place + _PIECE] for spelt in spellings for place in range(max(0, len(spelt) - _PIECE + 1))}
    return re.compile("|".join(map(re.escape, sorted(pieces))), re.IGNORECASE)


def whole(text: str) -> str:
    """Without halves of characters (lone surrogates), which JSON can hold and no file can."""
    return _HALF.sub("\N{REPLACEMENT CHARACTER}", text)
