"""Errors in the OpenAPI description: which statuses a route may answer with, and their one shape."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


class ErrorContent(BaseModel):
    """What went wrong."""

    message: str
    type: str
    code: str
    param: str | None = None


class ErrorBody(BaseModel):
    """The body of every answer that is not a success."""

    error: ErrorContent
    request_id: str


_MEANINGS = {
    400: "The model cannot do this.",
    401: "No key, or one that is not valid.",
    403: "The key does not allow this.",
    404: "There is no such model or route.",
    408: "The body arrived too slowly.",
    413: "The body, an item, or their number is too large.",
    415: "The body is not JSON.",
    422: "The body does not fit; the message says where.",
    429: "Too many requests; see Retry-After.",
    500: "The model or the service failed.",
    503: "Not ready, stopping, or out of time; ask again.",
}
READING: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody, "description": _MEANINGS[status]} for status in (401, 403, 404, 422, 429, 503)
}
ASKING: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody, "description": meaning} for status, meaning in _MEANINGS.items()
}


class ProtocolError(BaseModel):
    """An error of the Open Inference Protocol, which has a text there."""

    error: str
    code: str
    request_id: str


PROTOCOL_READING = {status: {**value, "model": ProtocolError} for status, value in READING.items()}
PROTOCOL_ASKING = {status: {**value, "model": ProtocolError} for status, value in ASKING.items()}
