"""The Responses API (``POST /v1/responses``): the same conversation in another envelope.

Source: OpenAI's API reference, "Create a model response".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from goldilocks.support.endpoints.address import Dialect
from goldilocks.support.endpoints.chat import (
    BrokenOffError,
    ChatRequest,
    Completion,
    NoCompletionError,
    begins,
    body_of,
    completion_of,
    error_in,
    text_of,
)
from goldilocks.support.endpoints.server_errors import ServerError

_SAMPLING = ("temperature", "top_p")
_MIN_TOKENS = 16
"""The API accepts no lower limit."""


@dataclass(frozen=True, slots=True)
class ResponsesRequest(ChatRequest):
    """A conversation, asked for over the Responses API."""

    @property
    def path(self) -> str:
        """Behind the version of the API."""
        return "responses"

    def body(self, model: str, dialect: Dialect) -> dict[str, Any]:
        """The request's body. The API knows no stop sequences; answers are cut here."""
        chat = ChatRequest.body(self, model, dialect)
        body: dict[str, Any] = {
            "model": model,
            "input": chat["messages"],
            "max_output_tokens": max(self.limit(dialect), _MIN_TOKENS),
        }
        if dialect.store:
            body["store"] = False
        body |= {name: chat[name] for name in _SAMPLING if name in chat}
        if "response_format" in chat:
            body["text"] = {"format": {"type": "json_schema", **chat["response_format"]["json_schema"]}}
        return body

    def read(self, raw: bytes, *, n_sent: int, seconds: float, key: str) -> Completion | ServerError:
        """See ``chat.ChatRequest.read``."""
        content = body_of(raw, key, streamed=_streamed)
        if (wrong := error_in(content, key, besides="output")) is not None:
            return wrong
        try:
            as_chat = _as_chat(content)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise NoCompletionError(begins(raw, key)) from error
        return completion_of(as_chat, raw, request=self, n_sent=n_sent, seconds=seconds, key=key)


def _streamed(events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The response in the event that ends a stream."""
    ended = [
        event["response"] for event in events if event.get("type") in _ENDS and isinstance(event["response"], dict)
    ]
    failed = [event for event in events if event.get("type") == "error" or event.get("error")]
    if failed and not ended:
        return {"error": failed[0].get("error") or dict(failed[0])}
    if not ended:
        raise BrokenOffError("no end")
    return dict(ended[-1])


_ENDS = ("response.completed", "response.incomplete", "response.failed")
_FINISH = {"max_output_tokens": "length", "content_filter": "content_filter"}
"""Reason of an incomplete response -> what chat completions call it."""


def _as_chat(content: Mapping[str, Any]) -> dict[str, Any]:
    """The answer in the form of a chat completion."""
    messages = [
        item.get("content")
        for item in content["output"] or ()
        if isinstance(item, Mapping) and item.get("type", "message") == "message"
    ]
    parts = [part for inner in messages if isinstance(inner, list) for part in inner if isinstance(part, Mapping)]
    refusals = [part.get("refusal") for part in parts if part.get("type") == "refusal"]
    details = content.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, Mapping) else None
    message = {"content": "".join(map(text_of, messages)), "refusal": refusals[0] if refusals else None}
    usage = content.get("usage")
    usage = usage if isinstance(usage, Mapping) else {}
    return {
        "choices": [{"message": message, "finish_reason": _FINISH.get(str(reason), "stop")}],
        "usage": {"prompt_tokens": usage.get("input_tokens"), "completion_tokens": usage.get("output_tokens")},
    }
