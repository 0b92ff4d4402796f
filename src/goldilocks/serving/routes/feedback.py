"""``POST /v1/feedback``: the gold answer to an item that was asked before, for monitoring and updates."""

from __future__ import annotations

from typing import Annotated, Any

import anyio.to_thread
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from goldilocks.errors import RequestError
from goldilocks.serving.gate import context_of
from goldilocks.serving.items import check_text
from goldilocks.serving.routes.errors import ASKING
from goldilocks.serving.service import service_of

Number = Annotated[float, Field(allow_inf_nan=False)]

router = APIRouter(tags=["feedback"])


class FeedbackRequest(BaseModel):
    """Which item, and what would have been right."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"request_id": "8f0c", "answer": "card_arrival"}]})

    request_id: str = Field(max_length=128, description="The x-request-id of the answer.")
    item: int = Field(0, ge=0, le=2**31, description="Place of the item in its request, from 0.")
    answer: str | bool | Number | list[str | Number] = Field(
        description="The right answer: a label, a list of labels or tags, a number, a text."
    )


@router.post("/v1/feedback", responses=ASKING)
async def feedback(request: Request, body: FeedbackRequest) -> dict[str, Any]:
    """Keep the gold answer with the one that was given."""
    service = service_of(request)
    if service.log is None:
        raise RequestError(
            400, "no_log", "this service keeps no request log, so there is nothing to compare; set log.path."
        )
    check_text(body.request_id, "request_id")
    check_text(body.answer, "answer")
    masked = service.masked_answer(body.answer)
    key = context_of(request).caller.id
    await anyio.to_thread.run_sync(service.log.feedback, body.request_id, body.item, masked, key)
    return {"request_id": body.request_id, "item": body.item, "kept": True}
