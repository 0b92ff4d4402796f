"""``POST /v1/embeddings``: the pooled vectors of a bundle's network, in the OpenAI API's shape."""

from __future__ import annotations

import base64
from typing import Any, Literal

import numpy as np
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict

from goldilocks.serving.engine import Call, Operation
from goldilocks.serving.inference import InferenceRequest
from goldilocks.serving.items import count_tokens, plain_items
from goldilocks.serving.routes.errors import ASKING
from goldilocks.serving.service import service_of

router = APIRouter(tags=["embeddings"])


class EmbeddingRequest(BaseModel):
    """Texts to embed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"input": ["my card has not arrived"]}]})

    model: str | None = None
    input: str | list[str]
    encoding_format: Literal["float", "base64"] = "float"


@router.post("/v1/embeddings", responses=ASKING)
async def embeddings(request: Request, body: EmbeddingRequest) -> dict[str, Any]:
    """A vector for each text: what the bundle's head sees. It was tuned for the bundle's task."""
    service = service_of(request)
    deployment, version, _ = service.chosen(request, body.model)
    texts = plain_items([body.input] if isinstance(body.input, str) else list(body.input), service.settings.limits)
    vectors = await service.run(InferenceRequest(request, deployment, version, Call(Operation.EMBED)), texts)
    data = [
        {"object": "embedding", "index": index, "embedding": _encoded(vector, body.encoding_format)}
        for index, vector in enumerate(vectors)
    ]
    tokens = count_tokens(texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": deployment.name, "usage": usage}


def _encoded(vector: Any, form: str) -> Any:
    if form == "base64":
        return base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode()
    return list(vector)
