"""The chat completions API: the body of a request in a server's dialect, and what comes back, in any of its shapes.

Source: OpenAI's API reference, "Create chat completion", and how vLLM, llama.cpp, Ollama and OpenRouter differ.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from goldilocks.support.endpoints.address import LIMIT_NAMES, Dialect
from goldilocks.support.endpoints.answer_text import without_reasoning
from goldilocks.support.endpoints.server_errors import (
    ServerError,
    cleaned,
    error_of,
    holds_error,
    whole,
    without_secret,
)

TOKENS_PER_CHARACTER = 0.5
"""A careful guess, for what a request may cost before it is sent (English takes half of it, Chinese more)."""
SCHEMA_TOKENS = 24
"""What JSON around a label takes, generously."""
_MAX_TOKENS = 10_000_000
"""Maximum number of tokens of a text that an endpoint is believed; no model encodes or generates as many at once."""
_MAX_PER_TOKEN = 16
"""Characters of an answer for each token it may have, on average; what a server sends beyond is cut. Text metrics, and
the search for labels, would take long over megabytes."""

_UNSUPPORTED = (
    r"unsupported|not supported|not support|unrecognized|unknown|unexpected|not permitted|not allowed|not enabled"
    r"|extra |invalid.?(?:parameter|argument|field)|use [`'\"]?max|does not (?:exist|accept|support|recogni[sz]e)"
    r"|not recogni[sz]ed|deprecated|not a valid|not available|extra_forbidden|不支持|不允许|未知|无效|非法"
)
_ANY_FORMAT = r"response.?format|json.?schema|structured.?output|guided|grammar|requested parameters"
_NO_SYSTEM = (
    r"system.?(?:role|message|prompt|instruction)|role.{0,20}system|'system'|developer instruction|roles must alternate"
    r"|role.{0,40}(?:'user'|user.{0,10}assistant)|only.{0,40}\broles?\b|'user'.{0,60}'role'"
    r"|system.{0,3}角色|角色.{0,10}system"
)


class Request(Protocol):
    """What a client sends; ``ChatRequest`` describes the members."""

    @property
    def path(self) -> str: ...  # noqa: D102
    @property
    def characters(self) -> int: ...  # noqa: D102
    @property
    def stops(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def sampling(self) -> Mapping[str, float]: ...  # noqa: D102
    @property
    def schema(self) -> Mapping[str, Any] | None: ...  # noqa: D102
    def body(self, model: str, dialect: Dialect) -> dict[str, Any]: ...  # noqa: D102
    def limit(self, dialect: Dialect) -> int: ...  # noqa: D102
    def read(self, raw: bytes, *, n_sent: int, seconds: float, key: str) -> Completion | ServerError: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What is asked, independent of the dialect."""

    messages: Sequence[Mapping[str, str]]
    """Role and content of each, in turn."""
    max_tokens: int
    stops: Sequence[str] = ()
    """The answer ends before the first of these."""
    sampling: Mapping[str, float] = field(default_factory=dict)
    """Further keys that were set explicitly (temperature, top_p, top_k, seed)."""
    schema: Mapping[str, Any] | None = None
    """JSON schema of the answer, for servers that can hold an answer to one."""

    def body(self, model: str, dialect: Dialect) -> dict[str, Any]:
        """The request's body."""
        structured = self.schema is not None and dialect.structured
        body: dict[str, Any] = {
            "model": model,
            "messages": list(self.messages) if dialect.system else _without_system(self.messages),
            dialect.limit: self.limit(dialect),
        }
        if dialect.temperature:
            body["temperature"] = 0
        if self.stops and dialect.stop and not structured:
            body["stop"] = list(self.stops)
        if structured:
            inner = {"name": "answer", "strict": True, "schema": self.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": inner}
        return body | dict(self.sampling)

    @property
    def path(self) -> str:
        """Behind the version of the API."""
        return "chat/completions"

    @property
    def characters(self) -> int:
        """Characters of the text that is sent and paid for."""
        return sum(len(message["content"]) for message in self.messages)

    def read(self, raw: bytes, *, n_sent: int, seconds: float, key: str) -> Completion | ServerError:
        """See ``read_answer``."""
        return read_answer(raw, request=self, n_sent=n_sent, seconds=seconds, key=key)

    def limit(self, dialect: Dialect) -> int:
        """Maximum number of tokens of the answer, with those of the JSON around it."""
        return self.max_tokens + (SCHEMA_TOKENS if self.schema is not None and dialect.structured else 0)


def _without_system(messages: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """The messages with the system's text at the beginning of the user's first one."""
    system = "\n".join(message["content"] for message in messages if message["role"] == "system")
    rest = [dict(message) for message in messages if message["role"] != "system"]
    if system and rest:
        rest[0]["content"] = f"{system}\n\n{rest[0]['content']}"
    return rest


def adapted(dialect: Dialect, error: ServerError, request: Request, *, structured_works: bool) -> Dialect | None:
    """The dialect in which to send a refused request again; ``None``: its error is about something else.

    Args:
        dialect: That of the refused request.
        error: What the server said.
        request: What was asked.
        structured_works: The server has answered a request with a schema before.
    """
    if error.status not in (400, 404, 415, 422, 500, 501) or error.filtered or error.too_long:
        return None
    unsupported = error.names(_UNSUPPORTED)
    structured = request.schema is not None and dialect.structured
    if structured and error.names(_ANY_FORMAT):
        return replace(dialect, structured=False)
    if unsupported and error.names(LIMIT_NAMES[0]) and dialect.limit == LIMIT_NAMES[0]:
        return replace(dialect, limit=LIMIT_NAMES[1])
    if unsupported and error.names(LIMIT_NAMES[1]) and dialect.limit == LIMIT_NAMES[1]:
        return replace(dialect, limit=LIMIT_NAMES[0])
    if dialect.temperature and "temperature" not in request.sampling and error.names("temperature"):
        return replace(dialect, temperature=False)
    if dialect.system and error.names(_NO_SYSTEM):
        return replace(dialect, system=False)
    if dialect.stop and request.stops and unsupported and error.names(r"\bstop\b"):
        return replace(dialect, stop=False)
    if dialect.store and request.path == "responses" and error.names(r"\bstore\b"):
        return replace(dialect, store=False)
    if structured and not structured_works and error.status in (400, 422):  # it may not say what it cannot do
        return replace(dialect, structured=False)
    return None


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer."""

    text: str
    """Without reasoning; empty where there is nothing else."""
    input_tokens: int
    output_tokens: int
    seconds: float
    """Until the whole answer was there, of the try that succeeded."""
    limit: int = 0
    """Maximum number of tokens that it was allowed."""
    truncated: bool = False
    """Whether the limit on tokens cut it off."""
    refusal: str = ""
    """Why the server withheld the answer, in its words; empty: it did not."""
    probabilities: tuple[Mapping[str, float], ...] = ()
    """Probability of each option for each question, from a decision endpoint."""


class NoCompletionError(Exception):
    """An answer of status 200 is not a chat completion; the message is how it begins."""

    broken_off: bool = False
    """Whether it begins as one and ends in its middle."""


def read_answer(raw: bytes, *, request: ChatRequest, n_sent: int, seconds: float, key: str) -> Completion | ServerError:
    """The completion in the body of an answer of status 200, or the error that it holds instead.

    Args:
        raw: The body.
        request: What was asked.
        n_sent: Bytes of the request, for a guess at its tokens where the server does not say.
        seconds: How long it took.
        key: The key that was sent; removed wherever it occurs.

    Raises:
        NoCompletionError: it is neither.
    """
    content = body_of(raw, key, streamed=_streamed)
    wrong = error_in(content, key, besides="choices")
    return wrong or completion_of(content, raw, request=request, n_sent=n_sent, seconds=seconds, key=key)


def completion_of(
    content: Mapping[str, Any], raw: bytes, *, request: ChatRequest, n_sent: int, seconds: float, key: str
) -> Completion | ServerError:
    """The completion in the JSON of a body; see ``read_answer``."""
    try:
        choice = _first(content["choices"]) or _withheld(content)
        if isinstance(choice.get("error"), dict):
            return error_of(choice, 200, key)
        message = choice.get("message")
        text = text_of(choice.get("text") if message is None else message.get("content"))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise NoCompletionError(begins(raw, key)) from error
    finish = choice.get("finish_reason")
    refusal = message.get("refusal") if isinstance(message, dict) else None
    refusal = refusal if isinstance(refusal, str) else ""
    if finish in ("content_filter", "refusal", "SAFETY") and not refusal:
        refusal = f"finish_reason {finish}"
    used = content.get("usage")
    used = used if isinstance(used, dict) else {}
    limit = _MAX_PER_TOKEN * (request.max_tokens + (SCHEMA_TOKENS if request.schema else 0))
    answer = without_secret(without_reasoning(whole(text))[:limit], key)
    return Completion(
        answer if request.schema else _before(answer, request.stops),
        tokens_stated(used.get("prompt_tokens"), n_sent),
        tokens_stated(used.get("completion_tokens"), len(text)),
        seconds,
        truncated=finish in ("length", "max_tokens", "MAX_TOKENS"),
        refusal=cleaned(refusal, key),
    )


def begins(raw: bytes, key: str) -> str:
    """How a body begins, in words that can be shown."""
    return cleaned(raw[:2_000].decode("utf-8", "replace"), key, 60)


def body_of(
    raw: bytes, key: str, *, streamed: Callable[[Sequence[Mapping[str, Any]]], dict[str, Any]]
) -> dict[str, Any]:
    """The JSON object of a body of status 200; of server-sent events, which nobody asked for, what ``streamed`` makes.

    A key that is twice in an object has no value: which one is meant, only the server knows.

    Raises:
        NoCompletionError: there is none, or it ends in its middle.
    """
    try:
        if raw.lstrip().startswith(_BEGINNINGS[1:]):
            return streamed(_events(raw))
        return _object(raw)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        wrong = NoCompletionError(begins(raw, key))
        wrong.broken_off = _is_broken_off(raw, error)
        raise wrong from error


def _object(raw: bytes) -> dict[str, Any]:
    content = json.loads(raw.decode("utf-8-sig", "replace"), object_pairs_hook=_unambiguous)
    if not isinstance(content, dict):
        raise TypeError("no object")
    return content


def error_in(content: Mapping[str, Any], key: str, *, besides: str) -> ServerError | None:
    """The error that an object of status 200 holds in any of the common shapes; ``besides``: the key of an answer."""
    if content.get("error") or (not content.get(besides) and holds_error(content)):
        return error_of(content, 200, key)
    return None


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        content |= {name: None for name in content if names.count(name) > 1}
    return content


def _first(choices: Any) -> dict[str, Any] | None:
    """The first choice; ``None`` where a server sends null, or none."""
    if choices is None or choices == []:
        return None
    first = choices[0]
    if first is not None and not isinstance(first, dict):
        raise TypeError("a choice is no object")
    return first


def _withheld(content: Mapping[str, Any]) -> dict[str, Any]:
    """A choice without an answer in place of none at all, as Gemini sends for a blocked prompt."""
    feedback = content.get("promptFeedback", content.get("prompt_feedback"))
    reason = feedback.get("blockReason", feedback.get("block_reason")) if isinstance(feedback, dict) else None
    return {"message": {"content": None, "refusal": f"blocked: {reason}" if reason else None}}


_BEGINNINGS = (b"{", b"data:", b"event:", b"id:", b"retry:", b":")
"""How JSON and server-sent events begin."""


class BrokenOffError(ValueError):
    """A stream has ended without its end."""


def _is_broken_off(raw: bytes, error: Exception) -> bool:
    starts = raw.lstrip().startswith(_BEGINNINGS)
    at_end = (isinstance(error, json.JSONDecodeError) and not error.doc[error.pos + 1 :].strip()) or (
        isinstance(error, json.JSONDecodeError) and "Unterminated string" in error.msg
    )
    return not raw.strip() or (starts and (at_end or isinstance(error, BrokenOffError)))


_END: dict[str, Any] = {"[DONE]": True}
"""Stands for the line that ends a stream."""


def _events(raw: bytes) -> list[dict[str, Any]]:
    """The JSON of server-sent events."""
    payloads = [line.removeprefix(b"data:").strip() for line in raw.splitlines() if line.startswith(b"data:")]
    return [
        _END if payload == b"[DONE]" else json.loads(payload.decode("utf-8", "replace"))
        for payload in payloads
        if payload
    ]


def _streamed(events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One completion from the events of a stream."""
    parts: list[str] = []
    whole_answer: dict[str, Any] = {}
    for event in events:
        if event.get("error"):
            return {"error": event["error"]}
        whole_answer |= {name: event[name] for name in ("usage",) if event.get(name)}
        for choice in event.get("choices") or ():
            inner = choice.get("delta") or choice.get("message") or {}
            parts.append(text_of(inner.get("content")))
            whole_answer["finish"] = choice.get("finish_reason") or whole_answer.get("finish")
    if _END not in events and not whole_answer.get("finish"):
        raise BrokenOffError("no end")
    choice = {"message": {"content": "".join(parts)}, "finish_reason": whole_answer.get("finish")}
    return {"choices": [choice], "usage": whole_answer.get("usage")}


def text_of(content: Any) -> str:
    """The text of a message: a string, a list of parts of which those of text are joined, or null.

    Raises:
        TypeError: it is something else.
    """
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, int | float) and not isinstance(content, bool):  # a label that is a number
        return str(content)
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        raise TypeError("content is not text")
    parts = [part if isinstance(part, str) else part.get("text") for part in content if _is_text(part)]
    return "".join(part for part in parts if isinstance(part, str))


def _is_text(part: Any) -> bool:
    return isinstance(part, str) or (isinstance(part, dict) and part.get("type", "text") in ("text", "output_text"))


def _before(text: str, stops: Sequence[str]) -> str:
    """The text before the first stop sequence: for servers that do not take any, or send the stop as well."""
    places = [place for stop in stops if stop and (place := text.find(stop)) >= 0]
    return text[: min(places)] if places else text


def tokens_stated(stated: Any, characters: int) -> int:
    """What the server says a text took; a careful guess where it says nothing, or nothing that can be."""
    if type(stated) is int and 1 <= stated <= _MAX_TOKENS:
        return stated
    return 1 + int(TOKENS_PER_CHARACTER * characters)


def labels_schema(names: Sequence[str], *, several: bool) -> dict[str, Any]:
    """The JSON schema of an answer that is one of some labels, or a list of them."""
    label = {"type": "string", "enum": list(names)}
    key, value = ("labels", {"type": "array", "items": label}) if several else ("label", label)
    return {"type": "object", "properties": {key: value}, "required": [key], "additionalProperties": False}
