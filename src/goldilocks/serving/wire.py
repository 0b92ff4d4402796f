"""Calls and results as JSON messages between the service and its replica processes: a length (4 bytes), then UTF-8."""

from __future__ import annotations

import base64
import json
import math
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from goldilocks.nets.generation.token_logprobs import TokenLogprobs
from goldilocks.records import Generation, Output, Prediction, Text
from goldilocks.serving.engine import Call, ModelCard, Operation, Result

_LENGTH = struct.Struct("<I")
_MAX = 1 << 30


def send(sock: socket.socket, message: Mapping[str, Any]) -> None:
    """Send one message."""
    content = json.dumps(message, ensure_ascii=True, separators=(",", ":")).encode()
    sock.sendall(_LENGTH.pack(len(content)) + content)


def receive(sock: socket.socket) -> dict[str, Any] | None:
    """The next message; ``None`` when the other side has gone.

    Raises:
        TimeoutError: nothing came within the socket's timeout.
        ValueError: what came is not a message.
    """
    head = _exactly(sock, _LENGTH.size)
    if head is None:
        return None
    (length,) = _LENGTH.unpack(head)
    if length > _MAX:
        raise ValueError(f"a message of {length} bytes")
    content = _exactly(sock, length)
    if content is None:
        return None
    message: dict[str, Any] = json.loads(content)
    return message


def _exactly(sock: socket.socket, size: int) -> bytes | None:
    parts: list[bytes] = []
    while size:
        try:
            part = sock.recv(min(size, 1 << 20))
        except ConnectionError:
            return None
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def call_to(call: Call, items: Sequence[Text], *, stream: bool = False) -> dict[str, Any]:
    """A call with its items; ``stream``: the text so far is sent while it is generated."""
    return {
        "operation": call.operation.value,
        "generation": asdict(call.generation),
        "domain": call.domain,
        "items": list(items),
        "stream": stream,
    }


def call_from(message: Mapping[str, Any]) -> tuple[Call, list[Text]]:
    """What ``call_to`` made."""
    options = message["generation"]
    stops = options["stops"]
    generation = replace(Generation(**{**options, "stops": None}), stops=None if stops is None else tuple(stops))
    items = [str(item) if isinstance(item, str) else tuple(item) for item in message["items"]]
    return Call(Operation(message["operation"]), generation, message["domain"]), items


def card_to(card: ModelCard) -> dict[str, Any]:
    """A model card as JSON values."""
    return asdict(card)


def card_from(message: Mapping[str, Any]) -> ModelCard:
    """What ``card_to`` made."""
    return ModelCard(
        **{
            **message,
            "output": Output(message["output"]),
            "labels": tuple(message["labels"]),
            "domains": tuple(message["domains"]),
            "operations": tuple(map(Operation, message["operations"])),
        }
    )


def result_to(result: Result) -> Any:
    """A result; of a prediction the item is left out, the other side has it."""
    if isinstance(result, TokenLogprobs):
        return {"logprobs": asdict(result)}
    if isinstance(result, Prediction):
        score = None if math.isnan(result.score) else result.score
        return [result.answer, score, list(result.scores.values()), bool(result.item), result.spans]
    return base64.b64encode(np.asarray(result, dtype="<f4").tobytes()).decode()


def result_from(message: Any, item: Text, card: ModelCard) -> Result:
    """What ``result_to`` made."""
    if isinstance(message, str):
        return tuple(np.frombuffer(base64.b64decode(message), dtype="<f4").tolist())
    if isinstance(message, dict):
        given: dict[str, Any] = message["logprobs"]
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in given.items()
        }
        return TokenLogprobs(**fields)
    answer, score, scores, tagged, spans = message
    return Prediction(
        tuple(answer) if isinstance(answer, list) else answer,
        float("nan") if score is None else score,
        dict(zip(card.labels, scores, strict=True)) if scores else {},
        item if tagged else "",
        tuple((start, end) for start, end in spans),
    )
