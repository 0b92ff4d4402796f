"""One request over HTTP whose answer is there whole within its time: ``urllib`` alone bounds each read, not the answer.

A server that sends a byte now and then would otherwise never be late, be it in the headers or in the body.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
import urllib.request
from typing import Any

MOST_BYTES = 16_000_000
"""Of an answer; what is longer is no answer to a question, and would only fill the memory."""


def post(request: urllib.request.Request, *, timeout: float, direct: bool) -> bytes:
    """The answer's body; of one that is too long the first ``MOST_BYTES`` and one byte more.

    Args:
        request: Where to, and what. It is not sent on elsewhere: a key in it goes to the named host alone.
        timeout: Seconds until the whole answer must be there, from when the request was sent.
        direct: Past any proxy.

    Raises:
        OSError: the host cannot be reached, refuses (``HTTPError``), or is late (``TimeoutError``).
        HTTPException: the answer is not HTTP, or breaks off.
    """
    proxies = [urllib.request.ProxyHandler({})] if direct else []
    with urllib.request.build_opener(_NoRedirect, _Punctual, *proxies).open(request, timeout=timeout) as answer:
        found: bytes = answer.read(MOST_BYTES + 1)
        if len(found) <= MOST_BYTES and answer.length:  # a read with a limit takes a connection that ends for the end
            raise http.client.IncompleteRead(found, answer.length)
    return found


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The key goes to the named host and nowhere else: what would send it on is an error like any other."""

    def _stay(self, *_: Any) -> None:
        """Not even look where to."""

    http_error_301: Any = _stay
    http_error_302: Any = _stay
    http_error_303: Any = _stay
    http_error_307: Any = _stay
    http_error_308: Any = _stay


class _Punctual(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    def do_open(self, http_class: Any, req: urllib.request.Request, **more: Any) -> http.client.HTTPResponse:
        """As in the standard library, with answers that know when they must be there."""

        def connection(host: str, **options: Any) -> http.client.HTTPConnection:
            made: http.client.HTTPConnection = http_class(host, **options)
            made.response_class = _Answer
            return made

        return super().do_open(connection, req, **more)


class _Answer(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *more: Any, **options: Any) -> None:
        """Read from a socket whose time runs from now."""
        super().__init__(sock, *more, **options)
        self.fp = io.BufferedReader(_Remaining(self.fp, sock))


class _Remaining(io.RawIOBase):
    """Reads a socket's file; each read may take what is left of the time the socket allows for one."""

    def __init__(self, file: io.BufferedReader, sock: socket.socket) -> None:
        self.file, self.sock = file, sock
        self.end = None if (allowed := sock.gettimeout()) is None else time.monotonic() + allowed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.end is not None:
            left = self.end - time.monotonic()
            if left <= 0:
                raise TimeoutError("the answer is late")
            self.sock.settimeout(left)
        return self.file.readinto1(buffer)

    def close(self) -> None:
        self.file.close()
        super().close()
