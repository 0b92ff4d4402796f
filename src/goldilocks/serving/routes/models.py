"""``GET /v1/models``: what is served, in the OpenAI API's shape, with our facts added."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from goldilocks.serving.deployment import Deployment
from goldilocks.serving.routes.errors import READING
from goldilocks.serving.service import Service, service_of

router = APIRouter(tags=["models"])


@router.get("/v1/models", responses=READING)
async def models(request: Request) -> dict[str, Any]:
    """List the models that the key may ask."""
    service = service_of(request)
    return {"object": "list", "data": [described(service, deployment) for deployment in service.visible(request)]}


@router.get("/v1/models/{model}", responses=READING)
async def model(request: Request, model: str) -> dict[str, Any]:
    """Describe one model."""
    service = service_of(request)
    return described(service, service.find(request, model)[0])


def described(service: Service, deployment: Deployment) -> dict[str, Any]:
    """A model as a JSON object."""
    version = deployment.current
    card = version.card
    description: dict[str, Any] = {
        "id": deployment.name,
        "object": "model",
        "created": version.created,
        "owned_by": "goldilocks",
        "aliases": service.aliases_of(deployment.name),
        "version": version.id,
        "ready": version.ready,
    }
    if card is not None:
        description |= {
            "task": card.task,
            "output": card.output.value,
            "labels": list(card.labels),
            "multi_label": card.several,
            "candidate": f"{card.family}/{card.model}/{card.method}",
            "metric": card.metric,
            "language": card.language,
            "created_by": card.created_by,
            "operations": [operation.value for operation in card.operations],
            "domains": [f"{deployment.name}:{domain}" for domain in card.domains],
        }
    return description
