"""The Responses API (``POST /v1/responses``): the same conversation in another envelope.

Source: OpenAI's API reference, "Create a model response".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from goldilocks.support.endpoints.address import Dialect
from goldilocks.support.endpoints.chat import ChatRequest, Completion, NoCompletionError, read_answer
from goldilocks.support.endpoints.server_errors import ServerError, cleaned, read_error

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
            "store": False,
        }
        body |= {name: chat[name] for name in _SAMPLING if name in chat}
        if "response_format" in chat:
            body["text"] = {"format": {"type": "json_schema", **chat["response_format"]["json_schema"]}}
        return body

    def read(self, raw: bytes, *, n_sent: int, seconds: float, key: str) -> Completion | ServerError:
        """See ``chat.ChatRequest.read``."""
        try:
            content = json.loads(raw.decode("utf-8-sig", "replace"))
            if content.get("error"):
                return read_error(raw, 200, key)
            as_chat = _as_chat(content)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise NoCompletionError(cleaned(raw[:2_000].decode("utf-8", "replace"), key, 60)) from error
        return read_answer(json.dumps(as_chat).encode(), request=self, n_sent=n_sent, seconds=seconds, key=key)


def _as_chat(content: Mapping[str, Any]) -> dict[str, Any]:
    """The answer in the form of a chat completion."""
    parts = [
        part
        for item in content["output"]
        if isinstance(item, Mapping) and item.get("type") == "message"
        for part in item.get("content") or ()
    ]
    refusals = [part.get("refusal") for part in parts if part.get("type") == "refusal"]
    texts = [part.get("text") or "" for part in parts if part.get("type") == "output_text"]
    details = content.get("incomplete_details")
    cut = isinstance(details, Mapping) and details.get("reason") == "max_output_tokens"
    message = {"content": "".join(texts), "refusal": refusals[0] if refusals else None}
    usage = content.get("usage") or {}
    return {
        "choices": [{"message": message, "finish_reason": "length" if cut else "stop"}],
        "usage": {"prompt_tokens": usage.get("input_tokens"), "completion_tokens": usage.get("output_tokens")},
    }
