"""The ASGI app: routes behind the gate."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from goldilocks.errors import RequestError
from goldilocks.serving.gate import Gate, context_of, error_body, error_headers
from goldilocks.serving.routes import (
    admin,
    classify,
    completions,
    decisions,
    docs,
    embeddings,
    feedback,
    health,
    hub,
    kserve,
    models,
    scores,
)
from goldilocks.serving.service import Service
from goldilocks.serving.version import VERSION

_UNION_BRANCH = re.compile(r"str|int|float|bool|(list|dict)\[.*\]")
"""What pydantic adds to the place of an error in a value of several types; it says nothing to a client."""
_CODES = {404: "route_not_found", 405: "method_not_allowed", 400: "invalid_body"}


def make_app(service: Service) -> FastAPI:
    """The app of a service; the service ends when the app does."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await anyio.to_thread.run_sync(service.stop)

    app = FastAPI(
        title="Goldilocks",
        version=VERSION,
        description="Tuned language models: classification, tags, spans, scores, embeddings, text.",
        docs_url=None,  # the pages that come with the framework need a CDN
        redoc_url=None,
        redirect_slashes=False,  # a redirect has no error body, and clients do not repeat a POST
        lifespan=lifespan,
    )
    app.state.service = service
    for module in (
        classify,
        decisions,
        scores,
        embeddings,
        completions,
        feedback,
        models,
        kserve,
        hub,
        health,
        admin,
        docs,
    ):
        app.include_router(module.router)
    app.add_exception_handler(RequestError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    settings = service.settings
    app.add_middleware(
        Gate,
        access=service.access,
        limits=settings.limits,
        metrics=service.metrics,
        loopback=not service.access.required and not settings.allow_open,
        stopping=lambda: service.stopping,
        telemetry=service.telemetry,
    )
    return app


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestError)
    return JSONResponse(error_body(error, context_of(request)), error.status, error_headers(error))


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    # A value fits none of several types: the branch of the right type says what is wrong with the value.
    first: dict[str, Any] = min(error.errors(), key=lambda detail: detail["type"].endswith("_type"))
    if (text := _no_object(first)) is not None:
        return await _refused(request, RequestError(422, "invalid_body", text))
    parts = [str(part) for part in first["loc"] if part != "body"]
    where = ".".join(part for part in parts if not _UNION_BRANCH.fullmatch(part)) or "the body"
    text = f"{where}: {first['msg']}.".encode("utf-8", "replace").decode()
    return await _refused(request, RequestError(422, "invalid_body", text))


def _no_object(first: dict[str, Any]) -> str | None:
    """What is wrong with a body that is empty, or no JSON; ``None``: it is JSON."""
    if first["type"] == "json_invalid":
        reason = first.get("ctx", {}).get("error", "it ends too early")
        return f"the body is not JSON: {reason}, at character {first['loc'][-1]}; send an object."
    if tuple(first["loc"]) == ("body",) and first["type"] == "missing":
        return "the body is empty; send a JSON object."
    return None


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    status = 422 if error.status_code == 400 else error.status_code
    message = {
        404: f"there is no {request.method} {request.url.path[:200]}; GET /docs lists the routes.",
        405: f"{request.url.path[:200]} does not take {request.method}; GET /docs lists the routes.",
        422: "the body is not JSON in UTF-8, is nested too deeply, or has a number of thousands of digits; fix it.",
    }.get(status, str(error.detail))
    refusal = RequestError(status, _CODES.get(error.status_code, "refused"), message)
    answer = await _refused(request, refusal)
    answer.headers.update(error.headers or {})
    return answer
