"""The Hugging Face form: ``{"inputs": ...}``, posted to ``/models/NAME`` (or ``/``, where one model is served).

What comes back is what ``huggingface_hub.InferenceClient`` expects of the pipeline of the model's kind.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, JsonValue

from goldilocks.errors import RequestError
from goldilocks.records import Output, Prediction, Text
from goldilocks.serving.engine import Call, ModelCard, Operation
from goldilocks.serving.generation import generation
from goldilocks.serving.items import task_of
from goldilocks.serving.routes.classify import fields_of, positions
from goldilocks.serving.routes.errors import ASKING
from goldilocks.serving.service import InferenceResponse, service_of

router = APIRouter(tags=["Hugging Face"])
_NEW_TOKENS = 20
"""Tokens with which a language model continues a text if ``max_new_tokens`` is absent, as in transformers."""


class HubParameters(BaseModel):
    """The supported parameters; others are ignored."""

    top_k: int | None = Field(None, ge=1)
    max_new_tokens: int | None = Field(None, ge=1)
    temperature: float | None = Field(None, ge=0)
    top_p: float | None = Field(None, gt=0, le=1)
    seed: int | None = None
    stop: list[str] | None = None
    return_full_text: bool = False


class HubRequest(BaseModel):
    """``inputs`` of one item or several."""

    inputs: JsonValue
    parameters: HubParameters | None = None
    stream: bool = False


@router.post("/models/{model}", responses=ASKING)
async def hub(request: Request, model: str, body: HubRequest) -> Any:
    """Answer as the pipeline of the model's task does."""
    return await _answer(request, model, body)


@router.post("/", responses=ASKING)
async def hub_root(request: Request, body: HubRequest) -> Any:
    """The same for the only model that is served."""
    return await _answer(request, None, body)


async def _answer(request: Request, model: str | None, body: HubRequest) -> Any:
    if body.stream:
        raise RequestError(
            400, "not_supported", "this route does not stream; send stream: false, or use /v1/chat/completions."
        )
    service = service_of(request)
    card = service.card(service.find(request, model)[0].current)
    rows, alone = _rows(body.inputs, card)
    response = await service.ask(request, model, rows, _call(body.parameters, card, service.settings.limits.max_tokens))
    pairs = zip(response.items, response.results, strict=True)
    elements = [
        _element(item, prediction, response, body.parameters)
        for item, prediction in pairs
        if isinstance(prediction, Prediction)
    ]
    # Of one text the pipelines of labels give a list of lists, those of texts a list; those of tags and spans do not.
    lists = card.output in (Output.LABEL, Output.TEXT, Output.LIKELIHOOD)
    return elements[0] if alone and not lists else elements


def _rows(inputs: JsonValue, card: ModelCard) -> tuple[list[Any], bool]:
    if isinstance(inputs, dict) and {"source_sentence", "sentences"} == inputs.keys():
        source, sentences = inputs["source_sentence"], inputs["sentences"]
        if not isinstance(sentences, list):
            raise RequestError(422, "invalid_input", f"sentences is {type(sentences).__name__}; send a list of texts.")
        if sentences and any(role.endswith("+") for role in task_of(card).LINE):
            return [[source, *sentences]], True  # a model of candidates scores them together
        return [[source, sentence] for sentence in sentences], False
    if isinstance(inputs, dict) and {"text", "text_pair"} == inputs.keys():
        return [[inputs["text"], inputs["text_pair"]]], True
    if isinstance(inputs, list):
        return inputs, False
    return [inputs], True


def _call(parameters: HubParameters | None, card: ModelCard, limit: int) -> Call:
    operation = next((kind for kind in (Operation.GENERATE, Operation.CONTINUE) if kind in card.operations), None)
    if operation is None or (parameters is None and operation is Operation.GENERATE):
        return Call()
    parameters = parameters or HubParameters(max_new_tokens=_NEW_TOKENS)
    return Call(
        operation,
        generation(
            limit,
            max_tokens=parameters.max_new_tokens or (_NEW_TOKENS if operation is Operation.CONTINUE else None),
            temperature=parameters.temperature,
            top_p=parameters.top_p,
            seed=parameters.seed,
            stop=parameters.stop,
        ),
    )


def _element(item: Text, prediction: Prediction, response: InferenceResponse, parameters: HubParameters | None) -> Any:
    card = response.card
    score = prediction.score if prediction.score == prediction.score else None
    match card.output:
        case Output.LABEL:
            ranked = sorted(prediction.scores.items(), key=lambda pair: -pair[1])
            top = parameters.top_k if parameters else None
            return [{"label": label, "score": probability} for label, probability in ranked[:top]]
        case Output.TAGS:
            return [
                {
                    "entity_group": entity["type"],
                    "word": entity["text"],
                    "start": entity["start"],
                    "end": entity["end"],
                    "score": score or 0.0,
                }
                for entity in fields_of(item, prediction, card).get("entities", ())
            ]
        case Output.SPAN:
            return {"answer": prediction.answer, "score": score or 0.0, **positions(str(prediction.answer), item)}
        case Output.SCORE:
            answer = prediction.answer
            if known := prediction.ranked_replies:
                return [{"text": reply, "score": number} for reply, number in known]
            return list(answer) if isinstance(answer, tuple) else answer
        case Output.LIKELIHOOD if isinstance(prediction.answer, str):
            text = str(item) if parameters is not None and parameters.return_full_text else ""
            return {"generated_text": text + prediction.answer}
        case Output.TEXT:
            key = {"translation": "translation_text", "summarisation": "summary_text"}.get(card.task, "generated_text")
            return {key: prediction.answer}
        case _:
            raise RequestError(400, "not_supported", f"{response.name} gives {card.output.value}; use /v1/score.")
