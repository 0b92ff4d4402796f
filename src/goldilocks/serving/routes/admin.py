"""``/v1/admin``: versions of the models, tried out, promoted and rolled back while requests go on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio.to_thread
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from goldilocks.errors import GoldilocksError, RequestError
from goldilocks.serving.deployment import Deployment
from goldilocks.serving.gate import context_of
from goldilocks.serving.routes.errors import ASKING, READING, ErrorBody
from goldilocks.serving.service import Service, service_of

router = APIRouter(prefix="/v1/admin", tags=["administration"])
_CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"model": ErrorBody, "description": "There is nothing to promote or roll back to, or another change goes on."}
}


class VersionRequest(BaseModel):
    """A bundle that is to answer, for a share of the requests or unseen."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"bundle": "/models/tickets-2/bundle", "share": 0.1}]})

    bundle: str = Field(max_length=4096, description="The bundle's folder, on the machine of the service.")
    share: float = Field(1.0, gt=0, le=1, description="Share of the requests that it answers; 1: it is promoted.")
    shadow: bool = Field(
        False,
        description="It receives a copy of every request; its answers are compared in the metrics, never returned.",
    )


@router.get("/models", responses=READING)
async def list_models(request: Request) -> dict[str, Any]:
    """Every model with its versions."""
    service = _admin(request)
    return {"data": [described(deployment) for deployment in service.deployments.values()]}


@router.post("/models/{model}/versions", responses=ASKING | _CONFLICT)
async def add_version(request: Request, model: str, body: VersionRequest) -> dict[str, Any]:
    """Load a bundle; then promote it, or let it answer a share of the requests, or all of them unseen."""
    service = _changing(request)
    deployment = service.find(request, model)[0]

    def change() -> None:
        version = deployment.start(Path(body.bundle))
        if body.shadow:
            deployment.watch(version)
        elif body.share < 1:
            deployment.try_out(version, body.share)
        else:
            deployment.promote(version)

    return await _changed(service, deployment, change)


@router.post("/models/{model}/promote", responses=READING | _CONFLICT)
async def promote(request: Request, model: str) -> dict[str, Any]:
    """Let the version that is tried out (or the shadow) answer from now on."""
    service = _changing(request)
    deployment = service.find(request, model)[0]

    def change() -> None:
        version = deployment.canary or deployment.shadow
        if version is None:
            raise RequestError(
                409, "nothing_to_promote", f"{deployment.name} has no version on trial; start one with a bundle."
            )
        deployment.promote(version)

    return await _changed(service, deployment, change)


@router.post("/models/{model}/rollback", responses=READING | _CONFLICT)
async def rollback(request: Request, model: str) -> dict[str, Any]:
    """End what is tried out; where nothing is, go back to the version before the last promotion."""
    service = _changing(request)
    deployment = service.find(request, model)[0]

    def change() -> None:
        ended = deployment.end_canary()
        if deployment.shadow is not None:
            deployment.watch(None)
            ended = True
        if ended:
            return
        deployment.promote(deployment.start_previous())

    return await _changed(service, deployment, change)


def described(deployment: Deployment) -> dict[str, Any]:
    """A model with its versions."""
    description: dict[str, Any] = {"model": deployment.name, "versions": []}
    roles = (("current", deployment.current), ("canary", deployment.canary), ("shadow", deployment.shadow))
    for role, version in roles:
        if version is not None:
            entry = {
                "role": role,
                "version": version.id,
                "bundle": str(version.folder),
                "ready": version.ready,
                "replicas": len(version.replicas),
                "ongoing_requests": version.ongoing,
            }
            description["versions"].append(entry | ({"share": deployment.canary_share} if role == "canary" else {}))
    description["previous"] = None if deployment.previous is None else str(deployment.previous)
    return description


def _admin(request: Request) -> Service:
    if not context_of(request).caller.admin:
        raise RequestError(403, "admin_only", "this key may not change what is served; use one made with --admin.")
    return service_of(request)


def _changing(request: Request) -> Service:
    service = _admin(request)
    if not service.changeable:
        raise RequestError(
            409, "not_changeable", "on Ray a change would reach one replica only; change serve.yaml and deploy again."
        )
    return service


async def _changed(service: Service, deployment: Deployment, change: Callable[[], None]) -> dict[str, Any]:
    """A model with its versions after a change, with a warning where a restart would undo it."""

    def changed() -> str | None:
        with service.changing(deployment):
            change()
            return service.keep_state()

    try:
        warning = await anyio.to_thread.run_sync(changed)
    except RequestError:
        raise
    except GoldilocksError as error:
        raise RequestError(422, "bundle_refused", str(error)) from error
    return described(deployment) | ({"warning": warning} if warning else {})
