"""Liveness, readiness and metrics."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from goldilocks.errors import RequestError
from goldilocks.serving.gate import context_of
from goldilocks.serving.metrics import CONTENT_TYPE
from goldilocks.serving.routes.errors import READING
from goldilocks.serving.service import service_of

router = APIRouter(tags=["operation"])


@router.get("/healthz", responses={503: READING[503]})
async def health(request: Request) -> dict[str, Any]:
    """Whether every model answers; which do not is said."""
    service = service_of(request)
    waiting = [deployment.name for deployment in service.deployments.values() if not deployment.current.ready]
    if not service.ready:
        why = "the service is stopping" if service.stopping else f"not ready: {', '.join(waiting)}"
        raise RequestError(503, "not_ready", why, retry_after=1)
    return {"status": "ready"}


@router.get("/metrics", responses=READING, response_class=Response)
async def metrics(request: Request) -> Response:
    """Metrics in the text format of Prometheus."""
    caller = context_of(request).caller
    if not (caller.metrics or caller.admin):
        raise RequestError(403, "metrics_not_allowed", "this key may not read metrics; use one made with --metrics.")
    return Response(service_of(request).metrics.text(), media_type=CONTENT_TYPE)
