"""Limits of time for slow clients, with a clock that the test moves (over sockets: test_serve_connections)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine, Iterator
from types import SimpleNamespace
from typing import Any, cast

import h11
import pytest
import uvicorn
from uvicorn.server import ServerState

from goldilocks.serving.http_protocol import protocol_with

HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Timer:
    """A call that is due after some seconds, unless it is cancelled."""

    def __init__(self, seconds: float, call: Callable[[], None]) -> None:
        self.seconds, self.call, self.cancelled = seconds, call, False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """Keeps timers and tasks, and runs none of them."""

    def __init__(self) -> None:
        self.timers: list[Timer] = []

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        self.timers.append(Timer(seconds, call))
        return self.timers[-1]

    def create_task(self, work: Coroutine[Any, Any, None], **_: Any) -> Any:
        work.close()
        return asyncio.Future(loop=cast(asyncio.AbstractEventLoop, SimpleNamespace(get_debug=lambda: False)))

    def pass_time(self, seconds: float) -> None:
        due = [timer for timer in self.timers if timer.seconds <= seconds and not timer.cancelled]
        self.timers = [timer for timer in self.timers if timer not in due]
        for timer in due:
            timer.call()


class Transport:
    """Remembers what is written."""

    def __init__(self) -> None:
        self.written, self.closed, self.aborted, self.unsent = b"", False, False, 0
        self.socket: socket.socket | None = None

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.closed or self.aborted

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def get_extra_info(self, name: str) -> socket.socket | None:
        return self.socket if name == "socket" else None


@pytest.fixture
def connection() -> tuple[Any, Loop, Transport]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        """Never runs."""

    loop, transport = Loop(), Transport()
    config = uvicorn.Config(app, interface="asgi3", log_config=None)
    made = protocol_with(5.0)(config, ServerState(), {}, cast(asyncio.AbstractEventLoop, loop))
    made.connection_made(cast(asyncio.Transport, transport))
    return made, loop, transport


@pytest.mark.parametrize("sent", [b"G", b"GET / HT", HEAD[:-2]])
def test_a_head_that_is_not_whole_in_time_is_408(connection: tuple[Any, Loop, Transport], sent: bytes) -> None:
    protocol, loop, transport = connection
    protocol.data_received(sent)
    loop.pass_time(4.9)
    assert not transport.closed
    loop.pass_time(5.0)
    assert transport.closed
    assert transport.written.startswith(b"HTTP/1.1 408 ")
    length = transport.written.partition(b"content-length: ")[2].partition(b"\r\n")[0]
    assert len(transport.written.partition(b"\r\n\r\n")[2]) == int(length)


def test_a_connection_on_which_nothing_comes_is_closed_without_a_word(connection: tuple[Any, Loop, Transport]) -> None:
    _, loop, transport = connection
    loop.pass_time(5.0)
    assert (transport.closed, transport.written) == (True, b"")


def test_a_request_may_take_longer_than_its_head(connection: tuple[Any, Loop, Transport]) -> None:
    protocol, loop, transport = connection
    protocol.data_received(HEAD[:9])
    protocol.data_received(HEAD[9:])
    loop.pass_time(100.0)
    assert not transport.closed


def test_a_later_head_has_the_same_time_from_its_first_byte_on(connection: tuple[Any, Loop, Transport]) -> None:
    protocol, loop, transport = connection
    protocol.data_received(HEAD)
    protocol.cycle.response_complete = True
    loop.pass_time(100.0)  # between requests there is another limit
    assert not transport.closed
    protocol.conn = h11.Connection(h11.SERVER)  # as after ``start_next_cycle``
    protocol.data_received(HEAD[:9])
    loop.pass_time(5.0)
    assert transport.closed


def test_a_connection_that_is_lost_has_no_limit_any_more(connection: tuple[Any, Loop, Transport]) -> None:
    protocol, loop, transport = connection
    protocol.connection_lost(OSError())
    loop.pass_time(5.0)
    assert transport.written == b""
    assert all(timer.cancelled for timer in loop.timers)


def test_a_client_that_takes_nothing_of_its_answer_is_cut_off(connection: tuple[Any, Loop, Transport]) -> None:
    protocol, loop, transport = connection
    protocol.data_received(HEAD)
    transport.unsent = 700_000
    protocol.pause_writing()
    for left in (500_000, 100_000):  # a slow one goes on
        transport.unsent = left
        loop.pass_time(5.0)
        assert not transport.aborted
    loop.pass_time(5.0)
    assert transport.aborted


def test_a_client_that_has_taken_its_answer_is_not_watched_any_more(connection: tuple[Any, Loop, Transport]) -> None:
    protocol, loop, transport = connection
    protocol.data_received(HEAD)
    transport.unsent = 700_000
    protocol.pause_writing()
    transport.unsent = 0
    protocol.resume_writing()
    loop.pass_time(100.0)
    assert not transport.is_closing()


@pytest.mark.parametrize("unsent", [0, 60_000])
def test_an_idle_connection_is_closed_and_one_with_an_answer_left_on_it_is_cut_off(
    connection: tuple[Any, Loop, Transport], unsent: int
) -> None:
    protocol, _, transport = connection
    transport.unsent = unsent
    protocol.timeout_keep_alive_handler()
    assert (transport.closed, transport.aborted) == (not unsent, bool(unsent))


@pytest.fixture
def sockets(connection: tuple[Any, Loop, Transport]) -> Iterator[tuple[socket.socket, socket.socket]]:
    """The service's and the client's end of the connection."""
    service, client = socket.socketpair()
    connection[2].socket = service
    with service, client:
        yield service, client


def test_an_idle_connection_stays_open_for_a_request_that_came_just_now(
    connection: tuple[Any, Loop, Transport], sockets: tuple[socket.socket, socket.socket]
) -> None:
    (protocol, loop, transport), (service, client) = connection, sockets
    client.sendall(HEAD)  # in the socket's buffer; the event loop has not seen it
    protocol.timeout_keep_alive_handler()
    assert not transport.closed
    protocol.data_received(service.recv(1000))
    loop.pass_time(100.0)
    assert not transport.closed


def test_unread_bytes_that_are_no_request_do_not_keep_a_connection_open(
    connection: tuple[Any, Loop, Transport], sockets: tuple[socket.socket, socket.socket]
) -> None:
    (protocol, loop, transport), (service, client) = connection, sockets
    client.sendall(b"of TLS")
    protocol.timeout_keep_alive_handler()
    service.recv(1000)  # by the layer of TLS, which has no request for the protocol
    loop.pass_time(1.0)
    assert transport.closed


def test_a_request_that_came_when_the_service_stops_is_read(connection: tuple[Any, Loop, Transport]) -> None:
    protocol, loop, transport = connection
    transport.socket, client = socket.socketpair()
    with transport.socket, client:
        client.sendall(HEAD)  # in the socket, not yet read by the event loop
        protocol.shutdown()
        assert not transport.closed
        protocol.data_received(transport.socket.recv(1000))
        loop.pass_time(1.0)
        assert not transport.closed  # while it is answered
        assert protocol.cycle.keep_alive is False


def test_an_idle_connection_is_closed_when_the_service_stops(connection: tuple[Any, Loop, Transport]) -> None:
    protocol, _, transport = connection
    protocol.shutdown()
    assert transport.closed
