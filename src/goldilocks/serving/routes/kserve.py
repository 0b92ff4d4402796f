"""The Open Inference Protocol, version 2, as KServe and Triton speak it: health, metadata and ``infer``.

A text task has one input, ``text`` (BYTES, ``[n]``); a task with several texts has one input for each of its roles. The
binary form of tensors is read too; outputs are JSON.

Source: https://kserve.github.io/website/latest/modelserving/data_plane/v2_protocol/ and Triton's binary tensor data
extension.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, JsonValue, ValidationError

from goldilocks.errors import RequestError
from goldilocks.records import Output, Prediction
from goldilocks.serving.engine import ModelCard
from goldilocks.serving.gate import context_of
from goldilocks.serving.items import task_of
from goldilocks.serving.routes.classify import fields_of
from goldilocks.serving.routes.errors import PROTOCOL_ASKING, PROTOCOL_READING
from goldilocks.serving.service import InferenceResponse, Service, service_of
from goldilocks.serving.version import VERSION

router = APIRouter(tags=["Open Inference Protocol"])


class InferInput(BaseModel):
    """One input tensor."""

    name: str
    shape: list[int]
    datatype: str
    data: list[JsonValue] | None = None
    parameters: dict[str, JsonValue] = Field(default_factory=dict)


class InferRequest(BaseModel):
    """Input tensors."""

    inputs: list[InferInput]
    id: str | None = None
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    outputs: list[dict[str, JsonValue]] | None = None


@router.get("/v2/health/live")
async def live() -> dict[str, bool]:
    """Whether the process answers at all."""
    return {"live": True}


@router.get("/v2/health/ready", responses={503: PROTOCOL_READING[503]})
async def ready(request: Request) -> dict[str, bool]:
    """Whether every model answers."""
    if not service_of(request).ready:
        raise RequestError(503, "not_ready", "not every model is loaded, or the service is stopping.", retry_after=1)
    return {"ready": True}


@router.get("/v2", responses=PROTOCOL_READING)
async def server() -> dict[str, Any]:
    """Name and version of the server."""
    return {"name": "goldilocks", "version": VERSION, "extensions": ["binary_tensor_data"]}


@router.get("/v2/models/{model}/ready", responses=PROTOCOL_READING)
@router.get("/v2/models/{model}/versions/{version}/ready", responses=PROTOCOL_READING)
async def model_ready(request: Request, model: str, version: str | None = None) -> dict[str, Any]:
    """Whether a model answers."""
    deployment, wanted = service_of(request).find(request, _named(model, version))
    chosen = deployment.choose(wanted) if wanted else deployment.current
    service_of(request).card(chosen)
    return {"name": deployment.name, "ready": True}


@router.get("/v2/models/{model}", responses=PROTOCOL_READING)
@router.get("/v2/models/{model}/versions/{version}", responses=PROTOCOL_READING)
async def metadata(request: Request, model: str, version: str | None = None) -> dict[str, Any]:
    """Inputs and outputs of a model."""
    service: Service = service_of(request)
    deployment, wanted = service.find(request, _named(model, version))
    card = service.card(deployment.choose(wanted) if wanted else deployment.current)
    texts = [{"name": name, "datatype": "BYTES", "shape": [-1]} for name in _inputs(card)]
    return {
        "name": deployment.name,
        "versions": [version.id for version in deployment.versions],
        "platform": f"goldilocks_{card.family}",
        "inputs": texts,
        "outputs": _outputs(card),
    }


@router.post(
    "/v2/models/{model}/infer",
    responses=PROTOCOL_ASKING,
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": InferRequest.model_json_schema()}}}
    },
)
@router.post(
    "/v2/models/{model}/versions/{version}/infer",
    responses=PROTOCOL_ASKING,
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": InferRequest.model_json_schema()}}}
    },
)
async def infer(request: Request, model: str, version: str | None = None) -> dict[str, Any]:
    """Answer a batch of items given as tensors."""
    body = _parsed(await request.body(), request.headers.get("inference-header-content-length"))
    service = service_of(request)
    deployment, wanted = service.find(request, _named(model, version))
    card = service.card(deployment.choose(wanted) if wanted else deployment.current)
    response = await service.ask(request, _named(model, version), _rows(body, card))
    return {
        "model_name": response.name,
        "model_version": response.version.id,
        "id": body.id or context_of(request).request_id,
        "outputs": _tensors(response),
    }


def _named(model: str, version: str | None) -> str:
    return f"{model}@{version}" if version else model


def _inputs(card: ModelCard) -> list[str]:
    task = task_of(card)
    return ["text"] if len(task.LINE) == 1 else [role.rstrip("+*") for role in task.LINE]


def _outputs(card: ModelCard) -> list[dict[str, Any]]:
    outputs: list[dict[str, Any]] = [{"name": "answer", "datatype": "BYTES", "shape": [-1]}]
    if card.goal.one_label:
        outputs[0]["name"] = "label"
    if card.output is Output.LABEL:
        outputs.append({"name": "probabilities", "datatype": "FP32", "shape": [-1, len(card.labels)]})
    return outputs


def _parsed(content: bytes, header: str | None) -> InferRequest:
    """The request; with binary tensors their bytes follow the JSON, whose length the header gives."""
    length = int(header) if header and header.isdigit() else len(content)
    if length > len(content):
        raise RequestError(422, "invalid_body", "Inference-Header-Content-Length is longer than the body; fix it.")
    try:
        body = InferRequest.model_validate_json(content[:length])
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the body"
        raise RequestError(422, "invalid_body", f"{where}: {first['msg']}.") from error
    place = length
    for input_name in body.inputs:
        size = input_name.parameters.get("binary_data_size")
        if input_name.data is None and isinstance(size, int) and 0 <= size <= len(content) - place:
            input_name.data = list(_strings(content[place : place + size]))
            place += size
    return body


def _strings(content: bytes) -> list[str]:
    """Texts of a BYTES tensor: each its length (4 bytes, little-endian) and its UTF-8."""
    texts: list[str] = []
    place = 0
    while place < len(content):
        if place + 4 > len(content):
            raise RequestError(422, "invalid_body", "a binary tensor ends within a length; send it whole.")
        (length,) = struct.unpack_from("<I", content, place)
        place += 4
        try:
            texts.append(content[place : place + length].decode())
        except UnicodeDecodeError as error:
            raise RequestError(
                422, "invalid_unicode", "a binary tensor is not UTF-8; encode its texts as UTF-8."
            ) from error
        place += length
    return texts


def _rows(body: InferRequest, card: ModelCard) -> list[Any]:
    """The items in the tensors."""
    names = _inputs(card)
    columns: dict[str, Sequence[Any]] = {}
    for input_name in body.inputs:
        if input_name.datatype != "BYTES":
            raise RequestError(
                422,
                "invalid_input",
                f"input {input_name.name!r} has datatype {input_name.datatype!r}; texts are BYTES.",
            )
        columns[input_name.name] = _flat(input_name.data or [])
    if len(names) == 1 and len(columns) == 1:
        return list(next(iter(columns.values())))
    if set(columns) != set(names) or len({len(column) for column in columns.values()}) != 1:
        raise RequestError(
            422,
            "invalid_input",
            f"inputs are {sorted(columns)}; {card.task} has {', '.join(names)}, of one length each.",
        )
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def _flat(data: Sequence[Any]) -> list[Any]:
    return [cell for row in data for cell in (row if isinstance(row, list) else [row])]


def _tensors(response: InferenceResponse) -> list[dict[str, Any]]:
    card, count = response.card, len(response.items)
    predictions = [result for result in response.results if isinstance(result, Prediction)]
    answers = [
        str(prediction.answer)
        if card.goal.one_label or isinstance(prediction.answer, str)
        else json.dumps(fields_of(item, prediction, card), ensure_ascii=False)
        for item, prediction in zip(response.items, predictions, strict=True)
    ]
    name = _outputs(card)[0]["name"]
    outputs: list[dict[str, Any]] = [{"name": name, "datatype": "BYTES", "shape": [count], "data": answers}]
    if card.output is Output.LABEL:
        flat = [prediction.scores.get(label, 0.0) for prediction in predictions for label in card.labels]
        outputs.append({"name": "probabilities", "datatype": "FP32", "shape": [count, len(card.labels)], "data": flat})
    return outputs
