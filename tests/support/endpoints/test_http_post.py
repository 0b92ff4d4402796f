from __future__ import annotations

import gzip
import http.server
import os
from collections.abc import Iterator
from typing import Any

import pytest

from goldilocks.support.endpoints.http_post import MAX_BYTES, HttpAnswer, TransportError, post
from goldilocks.testing.endpoint import Reply, Server, cut, drip, send, write


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def posted(server: Server, timeout: float = 20.0) -> HttpAnswer:
    host = server.source.removeprefix("api://").split("/")[0]
    return post(f"http://{host}/", b"{}", {}, timeout=timeout, proxies=False)


@pytest.mark.parametrize(
    "framed",
    [b"Content-Length: 5\r\n\r\nhello", b"\r\nhello", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"],
)
def test_body_comes_however_it_is_framed(server: Server, framed: bytes) -> None:
    server.replies = [write(b"HTTP/1.1 200 OK\r\n" + framed)]
    answer = posted(server)
    assert (answer.status, answer.body) == (200, b"hello")


@pytest.mark.parametrize(
    "reply",
    [
        drip(b"HTTP/1.1 200 OK\r\nX:", 0.02),
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", 0.02),
        drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n", 0.02),
    ],
    ids=["headers", "body", "chunk"],
)
def test_slow_bytes_do_not_extend_the_time_limit(server: Server, reply: Reply) -> None:
    server.replies = [reply]
    with pytest.raises(TimeoutError):
        posted(server, timeout=0.15)


def test_body_that_breaks_off_is_not_taken_for_whole(server: Server) -> None:
    server.replies = [cut]
    with pytest.raises(TransportError, match=r"broke off its answer, .*peer closed connection"):
        posted(server)


def test_body_without_end_is_read_up_to_the_limit(server: Server) -> None:
    server.replies = [write(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (MAX_BYTES + 100_000))]
    assert len(posted(server).body) == MAX_BYTES + 1


@pytest.mark.parametrize("place", [b"http://127.0.0.1:1/", b"http://[::bad"])
def test_redirect_is_not_followed(server: Server, place: bytes) -> None:
    server.replies = [write(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + place + b"\r\n\r\n")]
    assert posted(server).status == 302


def test_compressed_answer_is_unpacked_up_to_the_limit(server: Server) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"
    server.replies = [write(head + gzip.compress(b"whole"))]
    assert posted(server).body == b"whole"
    server.replies = [write(head + gzip.compress(b" " * (MAX_BYTES + 100_000)))]
    assert len(posted(server).body) == MAX_BYTES + 1
    server.replies = [write(head + gzip.compress(b"whole")[:-9])]
    with pytest.raises(TransportError, match="sent an answer whose compression is damaged, or ends in the middle"):
        posted(server)


def test_host_that_does_not_listen_cannot_be_reached(server: Server) -> None:
    server.close()
    with pytest.raises(TransportError, match="cannot be reached"):
        posted(server)


@pytest.mark.parametrize("url", ["http://[::bad/", "http://a..b/", "http://127.0.0.1:99999/"])
def test_address_that_is_none_is_a_transport_error(url: str) -> None:
    with pytest.raises(TransportError):
        post(url, b"", {}, timeout=5, proxies=False)


def test_proxies_of_the_environment_are_used_only_where_wanted(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.replies = [write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")]
    proxy = "http://" + server.source.removeprefix("api://").split("/")[0]
    monkeypatch.setenv("HTTP_PROXY", proxy)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    there = "http://127.0.0.1:1/"  # nothing listens

    assert post(there, b"{}", {}, timeout=5, proxies=True).body == b"ok"
    with pytest.raises(TransportError, match="cannot be reached"):
        post(there, b"{}", {}, timeout=5, proxies=False)


def test_forked_process_has_a_client_of_its_own(server: Server) -> None:
    server.replies = [write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")]
    posted(server)  # the loop runs in a thread, which a fork does not take along

    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if posted(server, timeout=5).body == b"ok" else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_cookies_are_not_kept(server: Server) -> None:
    seen: list[str | None] = []

    def reply(handler: http.server.BaseHTTPRequestHandler, _: dict[str, Any]) -> None:
        seen.append(handler.headers.get("Cookie"))
        send(handler, 200, b"{}", Set_Cookie="a=b")

    server.replies = [reply]
    posted(server)
    posted(server)
    assert seen == [None, None]
