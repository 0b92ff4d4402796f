"""HTTP/1.1 of the service: uvicorn's h11, which bounds the head of a request, with a time limit for the head.

Not httptools, even where it is installed: its parser keeps a head of any length, so that one client that never ends its
head could fill the memory, before any key is asked for.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

_WORDS = b"The head of the request came too slowly."
_LATE = (
    b"HTTP/1.1 408 Request Timeout\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n"
    b"content-length: %d\r\n\r\n%s"
) % (len(_WORDS), _WORDS)


def protocol_with(head_seconds: float) -> type[H11Protocol]:
    """The protocol of a connection.

    Args:
        head_seconds: A connection whose first head is not there by then is closed, and so is one that has begun a
            later head (between requests ``timeout_keep_alive`` holds).
    """

    class TimedProtocol(H11Protocol):
        """See the module."""

        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self._late: asyncio.TimerHandle | None = None
            self._begun = False

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._late = self.loop.call_later(head_seconds, self._too_late)

        def connection_lost(self, exc: Exception | None) -> None:
            self._on_time()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            self._begun = True
            super().data_received(data)
            if not self._waits_for_a_head:
                self._on_time()
            elif self._late is None:
                self._late = self.loop.call_later(head_seconds, self._too_late)

        @property
        def _waits_for_a_head(self) -> bool:
            return self.cycle is None or self.cycle.response_complete

        def _on_time(self) -> None:
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

    return TimedProtocol
