"""``POST /v1/score`` and ``POST /v1/rerank``: how well two texts fit, and documents in the order they fit a query.

Answered by bundles of ``similarity`` (a number for a pair), ``matching`` and ``dialogue_retrieval`` (a number for each
candidate), and of pairs with two labels (the probability of the positive one).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from goldilocks.errors import RequestError
from goldilocks.records import Output, Prediction, Text
from goldilocks.serving.decisions import positive_label
from goldilocks.serving.engine import Call, ModelCard
from goldilocks.serving.gate import context_of
from goldilocks.serving.inference import InferenceRequest
from goldilocks.serving.items import count_tokens, plain_items, task_of
from goldilocks.serving.routes.errors import ASKING
from goldilocks.serving.service import service_of

router = APIRouter(tags=["scores"])


class ScoreRequest(BaseModel):
    """Pairs of texts: one against one or several, or as many against as many."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"text_1": "a query", "text_2": ["a text", "another"]}]})

    model: str | None = None
    text_1: str | list[str]
    text_2: str | list[str]


class RerankRequest(BaseModel):
    """A query and documents."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"query": "a query", "documents": ["a text", "another"]}]}
    )

    model: str | None = None
    query: str
    documents: list[str | dict[str, str]] = Field(min_length=1)
    top_n: int | None = Field(None, ge=1)
    return_documents: bool = True


@router.post("/v1/score", responses=ASKING)
async def score(request: Request, body: ScoreRequest) -> dict[str, Any]:
    """A number for each pair of texts."""
    firsts = [body.text_1] if isinstance(body.text_1, str) else body.text_1
    seconds = [body.text_2] if isinstance(body.text_2, str) else body.text_2
    if len(firsts) == 1:
        firsts = firsts * len(seconds)
    if len(firsts) != len(seconds):
        raise RequestError(
            422, "invalid_input", f"text_1 has {len(firsts)} texts and text_2 {len(seconds)}; send one, or as many."
        )
    name, numbers, tokens = await _scored(request, body.model, list(zip(firsts, seconds, strict=True)))
    data = [{"index": index, "object": "score", "score": number} for index, number in enumerate(numbers)]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {
        "id": f"score-{context_of(request).request_id}",
        "object": "list",
        "created": service_of(request).started,
        "model": name,
        "data": data,
        "usage": usage,
    }


@router.post("/v1/rerank", responses=ASKING)
@router.post("/v2/rerank", responses=ASKING, include_in_schema=False)
@router.post("/rerank", responses=ASKING, include_in_schema=False)  # where clients of vLLM look for it
async def rerank(request: Request, body: RerankRequest) -> dict[str, Any]:
    """Documents in the order in which they fit the query, best first."""
    texts = [document if isinstance(document, str) else document.get("text", "") for document in body.documents]
    name, numbers, tokens = await _scored(request, body.model, [(body.query, text) for text in texts], query=body.query)
    order = sorted(range(len(texts)), key=lambda place: -numbers[place])[: body.top_n]
    results: list[dict[str, Any]] = [{"index": place, "relevance_score": numbers[place]} for place in order]
    if body.return_documents:
        for result in results:
            result["document"] = {"text": texts[result["index"]]}
    return {
        "id": f"rerank-{context_of(request).request_id}",
        "model": name,
        "results": results,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


async def _scored(
    request: Request, model: str | None, pairs: Sequence[tuple[str, str]], query: str | None = None
) -> tuple[str, list[float], int]:
    """The model's name, the number of each pair, and the tokens of the items asked.

    Args:
        request: The request.
        model: As it names it.
        pairs: Pairs of texts.
        query: The first of every pair, where it is one: a model of candidates is asked once.
    """
    service = service_of(request)
    deployment, version, card = service.chosen(request, model)
    several = _takes_candidates(card)
    items: list[Text] = list(pairs)
    if several and query is not None:
        items = [(query, *(second for _, second in pairs))]
    items = plain_items(items, service.settings.limits)
    meaning = _meaning(card, deployment.positive, deployment.name)
    results = await service.run(InferenceRequest(request, deployment, version, Call()), items)
    numbers: list[float] = []
    for result in results:
        if isinstance(result, Prediction):
            answer = result.scores.get(meaning, 0.0) if meaning else result.answer
            numbers += [float(part) for part in answer] if isinstance(answer, tuple) else [float(answer)]
    return deployment.name, numbers, count_tokens(items)


def _takes_candidates(card: ModelCard) -> bool:
    return any(role.endswith("+") for role in task_of(card).LINE)


def _meaning(card: ModelCard, positive: str | None, name: str) -> str | None:
    """The label whose probability is the score; ``None``: the answer is a number itself.

    Raises:
        RequestError: the model does not give a number for two texts (400).
    """
    if card.output is Output.SCORE:
        return None
    two = len(task_of(card).LINE) == 2
    label = positive_label(card, positive) if card.output is Output.LABEL and two else None
    if label is None:
        raise RequestError(
            400,
            "not_supported",
            f"{name} ({card.task}) gives no number for two texts; use a model of similarity or matching, or of pairs "
            "whose positive label is known (models.NAME.positive).",
        )
    return label
