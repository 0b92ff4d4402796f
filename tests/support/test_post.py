from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from goldilocks.support.post import post
from goldilocks.testing.endpoint import Reply, Server, cut, drip, write


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def posted(server: Server, timeout: float = 20.0) -> bytes:
    host = server.source.removeprefix("api://").split("/")[0]
    return post(urllib.request.Request(f"http://{host}/", b"{}", method="POST"), timeout=timeout, direct=True)


@pytest.mark.parametrize(
    "framed",
    [b"Content-Length: 5\r\n\r\nhello", b"\r\nhello", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"],
)
def test_body_comes_however_it_is_framed(server: Server, framed: bytes) -> None:
    server.replies = [write(b"HTTP/1.1 200 OK\r\n" + framed)]
    assert posted(server) == b"hello"


@pytest.mark.parametrize(
    "reply",
    [
        drip(b"HTTP/1.1 200 OK\r\nX:", 0.02),
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", 0.02),
        drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n", 0.02),
    ],
    ids=["headers", "body", "chunk"],
)
def test_drops_do_not_put_the_end_off(server: Server, reply: Reply) -> None:
    server.replies = [reply]
    with pytest.raises(TimeoutError):
        posted(server, timeout=0.15)


def test_body_that_breaks_off_is_not_taken_for_whole(server: Server) -> None:
    server.replies = [cut]
    with pytest.raises(http.client.IncompleteRead):
        posted(server)


@pytest.mark.parametrize("place", [b"http://127.0.0.1:1/", b"http://[::bad"])
def test_request_is_not_sent_on_elsewhere(server: Server, place: bytes) -> None:
    server.replies = [write(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + place + b"\r\n\r\n")]
    with pytest.raises(urllib.error.HTTPError, match="302"):
        posted(server)
