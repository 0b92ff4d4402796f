"""One HTTP POST whose whole answer arrives within its time limit, with httpx2 (it comes with huggingface-hub).

An HTTP library bounds each read, not the answer: a server that sends a byte now and then would never be late, be it in
the headers or in the body. So requests run in an event loop, which cancels each when its time is up.
"""

from __future__ import annotations

import asyncio
import os
import threading
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import httpx2

MAX_BYTES = 16_000_000
"""Maximum size of an answer. A longer one is not a completion and would only fill the memory."""


_PROXY_VARIABLES = (
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
)


class TransportError(Exception):
    """The request got no complete HTTP response; the message says what happened, if possible in the server's words."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """Status, headers and body of an answer."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    """At most ``MAX_BYTES`` and one byte more, which says that it was longer."""


def post(url: str, body: bytes, headers: Mapping[str, str], *, timeout: float, proxies: bool) -> HttpAnswer:
    """Send ``body`` and return the whole answer, of whatever status; several threads may do so at once.

    Redirects are not followed, so a key in ``headers`` goes to the named host alone; cookies are not kept.

    Args:
        url: Where to, ``http://`` or ``https://``.
        body: The content of the request.
        headers: Headers of the request.
        timeout: Seconds until the whole answer must be there, from the call on.
        proxies: Use the proxy that ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` name, as most HTTP clients do.

    Raises:
        TimeoutError: the answer was not whole in time.
        TransportError: the host cannot be reached, or the answer breaks off or is not an HTTP.
    """
    import httpx2

    environment = tuple(os.environ.get(name, "") for name in _PROXY_VARIABLES) if proxies else None
    try:
        _ = urlsplit(url).port  # a ValueError above 65,535, on which the client would fail with a traceback
        with _lock:
            loop, client = _event_loop(), _client(environment)
        return asyncio.run_coroutine_threadsafe(_post(client, url, body, headers, timeout), loop).result()
    except httpx2.ConnectError as error:
        raise TransportError(f"cannot be reached ({_reason(error)})") from error
    except (httpx2.RequestError, httpx2.InvalidURL) as error:
        raise TransportError(f"broke off its answer, or gave no HTTP that can be read ({_reason(error)})") from error
    except (OSError, ValueError) as error:  # host names that are none, proxies that cannot be parsed
        if isinstance(error, TimeoutError):
            raise
        raise TransportError(f"cannot be reached ({_reason(error)})") from error


async def _post(
    client: httpx2.AsyncClient, url: str, body: bytes, headers: Mapping[str, str], timeout: float
) -> HttpAnswer:
    # "identity": a compressed answer of a few kilobytes may unpack to gigabytes.
    sent = {**headers, "Accept-Encoding": "identity"}
    async with asyncio.timeout(timeout), client.stream("POST", url, content=body, headers=sent) as answer:
        received = bytearray()  # a list of chunks of one byte each would take many times their size
        async for chunk in answer.aiter_raw():
            received += chunk
            if len(received) > MAX_BYTES:
                break
        body = _decompressed(bytes(received[: MAX_BYTES + 1]), answer.headers.get("content-encoding", ""))
        return HttpAnswer(answer.status_code, dict(answer.headers), body)


def _decompressed(body: bytes, encoding: str) -> bytes:
    """The content of a body that was compressed all the same, as far as it is within bounds."""
    if encoding.lower() not in ("gzip", "x-gzip", "deflate"):
        return body
    unpacking = zlib.decompressobj(wbits=47)  # gzip or zlib, by its header
    try:
        unpacked = unpacking.decompress(body, MAX_BYTES + 1)
    except zlib.error as error:
        raise TransportError(f"sent an answer whose compression is damaged ({error})") from error
    if not unpacking.eof and len(unpacked) <= MAX_BYTES:
        raise TransportError("sent an answer whose compression is damaged, or ends in the middle")
    return unpacked


@lru_cache(maxsize=1)
def _event_loop() -> asyncio.AbstractEventLoop:
    """One for the process, in a thread of its own that dies with it: connections are kept from request to request."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="goldilocks-http", daemon=True).start()
    return loop


@lru_cache(maxsize=4)
def _client(environment: tuple[str, ...] | None) -> httpx2.AsyncClient:
    """The client for these settings of the environment; ``None``: past any proxy."""
    import httpx2

    jar = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    return httpx2.AsyncClient(
        timeout=None,
        trust_env=environment is not None,
        verify=httpx2.create_ssl_context(),
        cookies=jar,
    )


_lock = threading.Lock()


def _forget() -> None:
    """In a forked child, where no thread runs the loop."""
    global _lock
    _lock = threading.Lock()
    _event_loop.cache_clear()
    _client.cache_clear()


os.register_at_fork(after_in_child=_forget)


def _reason(error: BaseException) -> str:
    """What went wrong, in a word or two: the message of the innermost cause that has one, else the error's kind."""
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None and cause not in causes:
        causes.append(cause)
    return next((str(cause) for cause in causes if str(cause)), type(error).__name__)
