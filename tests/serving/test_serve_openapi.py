"""Requests made from the OpenAPI description: every answer is of a status and shape that it documents."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from served import client, settings

schemathesis = pytest.importorskip("schemathesis")
schemathesis.checks.load_all_checks()
positive_data_acceptance = schemathesis.checks.CHECKS.get_one("positive_data_acceptance")

ROUTES = [
    "POST /v1/classify",
    "POST /v1/decisions",
    "POST /v1/systemone",
    "POST /v1/score",
    "POST /v1/rerank",
    "POST /v1/embeddings",
    "POST /v1/completions",
    "POST /v1/chat/completions",
    "POST /v1/feedback",
    "GET /v1/admin/models",
    "POST /v1/admin/models/{model}/rollback",
    "POST /v1/admin/models/{model}/versions",
    "GET /v1/models",
    "GET /v1/models/{model}",
    "GET /v2/models/{model}",
    "GET /v2/models/{model}/ready",
    "POST /v2/models/{model}/infer",
    "POST /models/{model}",
    "POST /",
    "GET /v2/health/ready",
    "GET /healthz",
    "GET /metrics",
]


@pytest.fixture(scope="module")
def described(weather_bundle: Path) -> Iterator[Any]:
    made = settings({"weather": weather_bundle}, allow_open=True)  # the client calls itself by another host name
    with client(made) as api:
        yield schemathesis.openapi.from_asgi("/openapi.json", _kept_running(api.app))


def _kept_running(app: Any) -> Any:
    """The client starts and ends an app for every request; the service behind this one goes on."""

    async def call(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        for step in ("startup", "shutdown"):
            assert (await receive())["type"] == f"lifespan.{step}"
            await send({"type": f"lifespan.{step}.complete"})

    return call


@pytest.mark.parametrize("route", ROUTES)
def test_answers_are_as_described(described: Any, route: str) -> None:
    method, path = route.split(" ")

    @hypothesis.given(case=described[path][method].as_strategy())
    @hypothesis.settings(
        max_examples=8,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    def check(case: Any) -> None:
        # A description cannot say all: a text may be empty for it, and not for the task.
        case.call_and_validate(excluded_checks=[positive_data_acceptance])

    check()
