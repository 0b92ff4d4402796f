"""HTTP/1.1 of the service: uvicorn's h11, which bounds the head of a request, with limits of time for slow clients.

Not httptools, even where it is installed: its parser keeps a head of any length, so that one client that never ends its
head could fill the memory, before any key is asked for.
"""

from __future__ import annotations

import asyncio
import select
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

_WORDS = b"The head of the request came too slowly."
_LATE = (
    b"HTTP/1.1 408 Request Timeout\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n"
    b"content-length: %d\r\n\r\n%s"
) % (len(_WORDS), _WORDS)
_AGAIN = 1.0
"""Seconds until an idle connection with unread bytes is looked at again: they may not be a request (TLS)."""


def protocol_with(client_seconds: float) -> type[H11Protocol]:
    """The protocol of a connection.

    Args:
        client_seconds: A connection is closed whose first head is not there by then, or a later one so long after its
            first byte (between requests ``timeout_keep_alive`` holds); and one whose client takes nothing of an answer
            for so long.
    """
    return type("TimedProtocol", (_TimedProtocol,), {"client_seconds": client_seconds})


class _TimedProtocol(H11Protocol):
    """See the module."""

    client_seconds: ClassVar[float]
    """See ``protocol_with``."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._late: asyncio.TimerHandle | None = None
        self._begun = False
        self._stalled: asyncio.TimerHandle | None = None
        self._unsent = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._late = self.loop.call_later(self.client_seconds, self._too_late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_there()
        self._unwatch()
        super().connection_lost(exc)

    # ---------------------------------------------------------------------------------------------------------- heads

    def data_received(self, data: bytes) -> None:
        self._begun = True
        super().data_received(data)
        if not self._waits_for_a_head:
            self._head_is_there()
        elif self._late is None:
            self._late = self.loop.call_later(self.client_seconds, self._too_late)

    @property
    def _waits_for_a_head(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _head_is_there(self) -> None:
        self._begun = False
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _too_late(self) -> None:
        self._late = None
        if self.transport.is_closing() or not self._waits_for_a_head:
            return
        if self._begun:
            self.transport.write(_LATE)
        self.transport.close()

    # -------------------------------------------------------------------------------------------------------- answers

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        self._unwatch()
        super().resume_writing()

    def shutdown(self) -> None:
        if self._waits_for_a_head and not self.transport.is_closing() and _has_unread(self.transport):
            self.loop.call_later(_AGAIN, self.shutdown)  # a request came just now; it is answered, and then no more
        else:
            super().shutdown()

    def timeout_keep_alive_handler(self) -> None:
        if self.transport.is_closing():
            return
        if self.transport.get_write_buffer_size():
            self.transport.abort()  # to close it would wait for a client that takes nothing
        elif _has_unread(self.transport):  # a request came just now; when it is read, this timer ends
            self.timeout_keep_alive_task = self.loop.call_later(_AGAIN, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

    def _watch(self) -> None:
        self._unsent = self.transport.get_write_buffer_size()
        self._stalled = self.loop.call_later(self.client_seconds, self._check_progress)

    def _unwatch(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _check_progress(self) -> None:
        if self.transport.get_write_buffer_size() >= self._unsent:
            self.transport.abort()
        else:
            self._watch()


def _has_unread(transport: asyncio.Transport) -> bool:
    """Whether there are bytes from the client that the event loop has not yet seen."""
    sock = transport.get_extra_info("socket")
    if sock is None or not hasattr(select, "poll"):
        return False
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLIN)
    return bool(poll.poll(0))
