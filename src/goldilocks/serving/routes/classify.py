"""``POST /v1/classify``: labels with probabilities, tags with offsets, spans with positions, scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from goldilocks.answers import as_fields
from goldilocks.records import Output, Prediction, Text
from goldilocks.serving.engine import ModelCard
from goldilocks.serving.gate import context_of
from goldilocks.serving.routes.errors import ASKING
from goldilocks.serving.service import InferenceResponse, service_of

router = APIRouter(tags=["classification"])


class ClassifyRequest(BaseModel):
    """Texts to classify."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"input": ["my card has not arrived"]}]})

    model: str | None = Field(
        None, description="Name, alias, NAME@VERSION or NAME:DOMAIN; may be left out where one model is served."
    )
    input: str | list[JsonValue] = Field(
        description="A text, or a list of items: texts, lists of texts (pairs), or objects with the task's roles."
    )


class ClassifyResponse(BaseModel):
    """The answer to each item, in order."""

    id: str
    object: str = "list"
    created: int
    model: str
    version: str
    labels: list[str]
    """Labels of the columns of ``probs``."""
    data: list[dict[str, Any]]
    usage: dict[str, int]


@router.post("/v1/classify", responses=ASKING)
async def classify(request: Request, body: ClassifyRequest) -> ClassifyResponse:
    """Classify texts: the label of each, and the probability of every label."""
    rows = [body.input] if isinstance(body.input, str) else body.input
    response = await service_of(request).ask(request, body.model, rows)
    return ClassifyResponse(
        id=f"classify-{context_of(request).request_id}",
        created=service_of(request).started,
        model=response.name,
        version=response.version.id,
        labels=list(response.card.labels),
        data=data_of(response),
        usage=usage_of(response),
    )


def data_of(response: InferenceResponse) -> list[dict[str, Any]]:
    """An object for each item."""
    pairs = zip(response.items, response.results, strict=True)
    return [
        {"index": index, **fields_of(item, result, response.card)}
        for index, (item, result) in enumerate(pairs)
        if isinstance(result, Prediction)
    ]


def fields_of(item: Text, prediction: Prediction, card: ModelCard) -> dict[str, Any]:
    """One answer as a JSON object, by the kind of the model's output."""
    if card.output is Output.LABEL:
        answer = prediction.answer
        label = list(answer) if isinstance(answer, tuple) else answer
        probs = [round(prediction.scores.get(name, 0.0), 6) for name in card.labels]
        return {"labels" if card.several else "label": label, "probs": probs, "num_classes": len(card.labels)}
    fields = as_fields(prediction, card.goal)
    if card.output is Output.SPAN and isinstance(item, tuple):
        fields |= positions(str(prediction.answer), item)
    return {name: _finite(value) for name, value in fields.items()}


def positions(answer: str, item: Text) -> dict[str, Any]:
    """Where an extracted answer is in its context (the last text), in characters: where it occurs first.

    Example:
        >>> positions("Rome", ("where?", "in Rome"))
        {'start': 3, 'end': 7}
    """
    context = item if isinstance(item, str) else item[-1]
    start = context.find(answer) if answer else -1
    return {"start": None, "end": None} if start < 0 else {"start": start, "end": start + len(answer)}


def usage_of(response: InferenceResponse) -> dict[str, int]:
    """How much was asked, in characters: what is billed by tokens elsewhere is not tokenised alike by every model."""
    characters = sum(len(item) if isinstance(item, str) else sum(map(len, item)) for item in response.items)
    return {"items": len(response.items), "characters": characters}


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value
