"""What every request passes before its route: an id, a key, limits on its body; and what every answer gets.

Plain ASGI: the body is read here once, within its limits of size and time, and handed on whole.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.requests import Request

from goldilocks.errors import RequestError
from goldilocks.serving.access import Access, Caller
from goldilocks.serving.metrics import Metrics
from goldilocks.serving.settings import RequestLimits

if TYPE_CHECKING:
    from goldilocks.serving.telemetry import Telemetry

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

CONTEXT = "goldilocks.context"
"""Key of the ``Context`` in an ASGI scope."""
_OPEN_PATHS = ("/v2/health/live", "/v2/health/ready", "/healthz")
_UNTRACED = (*_OPEN_PATHS, "/metrics")
"""Probes and scrapes."""
_LOOPBACK = re.compile(r"(localhost|127(\.\d+){3}|\[::1\])(:\d+)?", re.IGNORECASE)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_BODY_METHODS = ("POST", "PUT", "PATCH")
_MAX_CHARACTERS = 20_000
"""Maximum length of an error message: enough for 300 labels."""
_AMBIGUOUS = "ambiguous_length"
_LOG = logging.getLogger("goldilocks.serving")


@dataclass(slots=True)
class Context:
    """What is known of a request while it is answered."""

    request_id: str
    path: str = ""
    caller: Caller = field(default_factory=Caller)
    model: str = ""
    version: str = ""
    domain: str | None = None
    """Named by the request, of a model with a part for each domain."""
    since: float = field(default_factory=time.monotonic)
    trace: object = None
    """The span of the request, where requests are traced."""
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the client has closed the connection."""


def context_of(request: Request) -> Context:
    """What is known of a request."""
    context: Context = request.scope[CONTEXT]
    return context


class Gate:
    """ASGI middleware around the whole app."""

    def __init__(
        self,
        app: App,
        *,
        access: Access,
        limits: RequestLimits,
        metrics: Metrics,
        loopback: bool,
        stopping: Callable[[], bool],
        telemetry: Telemetry | None = None,
    ) -> None:
        """Wrap an app.

        Args:
            app: What answers.
            access: Checks keys.
            limits: Limits of request bodies.
            metrics: Counts requests.
            loopback: Only names of this machine are accepted in ``Host``. Where there are no keys, no page of a
                browser can then reach the service under a name of its own (DNS rebinding).
            stopping: Whether the service is about to end, so that responses announce that their connection closes.
            telemetry: Where requests are traced to, if anywhere.
        """
        self._app, self._access, self._limits, self._metrics = app, access, limits, metrics
        self._loopback, self._stopping, self._telemetry = loopback, stopping, telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        given = headers.get("x-request-id", "")
        context = Context(given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex, scope["path"])
        scope[CONTEXT] = context
        if self._telemetry is not None and scope["path"] not in _UNTRACED:
            context.trace = self._telemetry.begin(scope["method"], headers, context.request_id, context.since)
        status = 500
        response_started = False

        async def out(message: Message) -> None:
            nonlocal status, response_started
            if message["type"] == "http.response.start":
                status, response_started = message["status"], True
                message = {**message, "headers": [*message.get("headers", ()), *_headers(context)]}
                if self._stopping():  # else the client's next request on this connection would fail
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        try:
            body = await self._admit(scope, headers, context, receive)
            await self._app(scope, _whole(body, receive, context), out)
        except RequestError as error:
            await answer(error, context, out)
        except Exception as error:  # the client gets one line, the operator the traceback
            _LOG.exception("request %s failed", context.request_id)
            if response_started:
                raise
            failed = RequestError(
                500, "internal_error", f"the service failed ({type(error).__name__}); its log has more."
            )
            await answer(failed, context, out)
        finally:
            self._count(scope, context, status)

    async def _admit(self, scope: Scope, headers: dict[str, str], context: Context, receive: Receive) -> bytes:
        """The body of a request that may come in."""
        if self._loopback and not _LOOPBACK.fullmatch(headers.get("host", "localhost")):
            raise RequestError(
                403, "wrong_host", "without keys this service accepts only localhost as host name; use that name."
            )
        if scope["path"] not in _OPEN_PATHS:
            context.caller = self._access.caller(headers)
        if scope["method"] not in _BODY_METHODS:
            return b""
        length = headers.get("content-length", "")
        if length and "transfer-encoding" in headers:  # a proxy that goes by the other would see another request here
            raise RequestError(
                400, _AMBIGUOUS, "the request has both Content-Length and Transfer-Encoding; send one of them."
            )
        if length.isdigit() and int(length) > self._limits.body_bytes:
            raise self._too_large()
        if not length.strip("0") and "transfer-encoding" not in headers and "content-type" not in headers:
            return b""
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json" and not (kind in ("", "application/octet-stream") and "/infer" in scope["path"]):
            raise RequestError(
                415, "wrong_content_type", f"the content type is {kind or 'missing'}; send JSON as application/json."
            )
        coding = headers.get("content-encoding", "identity").strip().lower()
        if coding != "identity":
            raise RequestError(415, "compressed_body", f"the body is compressed ({coding[:100]}); send it as it is.")
        try:
            async with asyncio.timeout(self._limits.body_seconds):  # unlike wait_for it needs no task
                return await self._read(receive)
        except TimeoutError as error:
            raise RequestError(
                408, "slow_body", f"the body did not arrive within {self._limits.body_seconds:g} s; send it faster."
            ) from error

    async def _read(self, receive: Receive) -> bytes:
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise RequestError(499, "client_gone", "the client closed the connection before its body was sent.")
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._limits.body_bytes:
                raise self._too_large()
            if not message.get("more_body"):
                return b"".join(parts)

    def _too_large(self) -> RequestError:
        return RequestError(
            413, "body_too_large", f"the body has more than {self._limits.body_bytes:,} bytes; send it in parts."
        )

    def _count(self, scope: Scope, context: Context, status: int) -> None:
        route = getattr(scope.get("route"), "path", "") or "other"
        self._metrics.requests.labels(route, context.model, context.version, str(status)).inc()
        seconds = time.monotonic() - context.since
        self._metrics.seconds.labels(route, context.model, context.version).observe(seconds)
        if self._telemetry is not None and context.trace is not None:
            self._telemetry.end(context.trace, scope["method"], route, context.model, context.version, status, seconds)


def _whole(body: bytes, receive: Receive, context: Context) -> Receive:
    """A ``receive`` that gives the body at once, then waits for the client to leave."""
    given = False

    async def read() -> Message:
        nonlocal given
        if not given:
            given = True
            return {"type": "http.request", "body": body, "more_body": False}
        message = await receive()
        if message["type"] == "http.disconnect":
            context.gone.set()
        return message

    return read


def _headers(context: Context) -> list[tuple[bytes, bytes]]:
    headers = [(b"x-request-id", context.request_id.encode()), (b"x-content-type-options", b"nosniff")]
    if context.version:
        headers.append((b"x-model-version", context.version.encode()))
    return headers


def error_body(error: RequestError, context: Context) -> dict[str, Any]:
    """The one shape of errors: that of the OpenAI API, with the request's id. Under /v2 the protocol wants a text.

    However long what the client sent is that a message quotes, the message has an end.
    """
    message = str(error)
    if len(message) > _MAX_CHARACTERS:
        message = f"{message[:_MAX_CHARACTERS]} ..."
    if context.path.startswith("/v2"):
        return {"error": message, "code": error.code, "request_id": context.request_id}
    kinds = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
    kind = kinds.get(error.status, "server_error" if error.status >= 500 else "invalid_request_error")
    content = {"message": message, "type": kind, "code": error.code, "param": None}
    return {"error": content, "request_id": context.request_id}


def error_headers(error: RequestError) -> dict[str, str]:
    """Headers that go with an error."""
    headers: dict[str, str] = {}
    if error.retry_after is not None:
        headers["retry-after"] = str(max(1, round(error.retry_after)))
    if error.status == 401:
        headers["www-authenticate"] = "Bearer"
    if error.code == _AMBIGUOUS:  # what follows on the connection may be no request of this client
        headers["connection"] = "close"
    return headers


async def answer(error: RequestError, context: Context, send: Send) -> None:
    """Send an error."""
    body = json.dumps(error_body(error, context), ensure_ascii=False).encode("utf-8", "replace")
    headers = {"content-type": "application/json", "content-length": str(len(body)), **error_headers(error)}
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})
