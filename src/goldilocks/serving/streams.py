"""Answers as server-sent events: a text in pieces while it is generated, in the OpenAI API's form.

The first piece, or the error that came instead of it, is awaited before the response starts, so that a request that
fails at once has the status of its error. What fails later is an event with the error. When the client leaves, the
generator is closed, the request's task cancelled and the generation ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from starlette.responses import StreamingResponse

from goldilocks.errors import RequestError
from goldilocks.nets.generation.streaming import OnText, TextPieces
from goldilocks.serving.gate import Context, error_body
from goldilocks.serving.metrics import Metrics

Answer = TypeVar("Answer")

DONE = "data: [DONE]\n\n"


def event(content: Mapping[str, Any]) -> str:
    """One server-sent event."""
    return f"data: {json.dumps(content, ensure_ascii=False)}\n\n"


@dataclass
class TextStream(Generic[Answer]):
    """A text that is being generated: its pieces, then the whole answer."""

    task: asyncio.Task[Answer]
    pieces: TextPieces
    texts: deque[str] = field(default_factory=deque)
    """The text so far, after each token; those that no piece was made of."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there is a further text, or the answer."""
    first: str = ""
    """The first piece."""

    @classmethod
    async def start(cls, ask: Callable[[OnText], Coroutine[Any, Any, Answer]]) -> TextStream[Answer]:
        """Ask, and wait for the first piece or the end.

        Args:
            ask: The request; its argument is called from any thread with the text so far.

        Raises:
            RequestError: it failed before the first piece.
        """
        loop, texts, changed = asyncio.get_running_loop(), deque[str](), asyncio.Event()

        def on_text(text: str) -> None:
            texts.append(text)
            with contextlib.suppress(RuntimeError):  # the loop has been closed: nobody listens
                loop.call_soon_threadsafe(changed.set)

        task = asyncio.create_task(ask(on_text))
        task.add_done_callback(lambda _: changed.set())
        stream = cls(task, TextPieces(), texts, changed)
        try:
            stream.first = await stream._next()
            if stream.task.done():
                stream.task.result()
        except BaseException:
            stream.task.cancel()
            raise
        return stream

    async def parts(self) -> AsyncIterator[str]:
        """The pieces that come before the end."""
        piece = self.first
        while piece:
            yield piece
            piece = await self._next()

    async def answer(self) -> Answer:
        """The whole answer."""
        return await self.task

    async def _next(self) -> str:
        """The next piece that is not empty; empty at the end."""
        while True:
            while self.texts:
                if piece := self.pieces.add(self.texts.popleft()):
                    return piece
            if self.task.done():
                return ""
            self.changed.clear()
            await self.changed.wait()


def respond(
    events: AsyncIterator[str], context: Context, metrics: Metrics, task: asyncio.Task[Any] | None = None
) -> StreamingResponse:
    """Events as a response that ends with ``[DONE]``.

    Args:
        events: The first is available, with the first piece of the text; so the latency of the first token is taken
            now.
        context: Context of the request.
        metrics: Metrics of the service.
        task: Cancelled when the client leaves.
    """
    waited = time.monotonic() - context.since
    metrics.first_token_seconds.labels(context.model, context.version).observe(waited)

    async def guarded() -> AsyncIterator[str]:
        try:
            async for chunk in events:
                yield chunk
        except RequestError as error:
            yield event(error_body(error, context))
        finally:
            if task is not None:
                task.cancel()
        yield DONE

    return StreamingResponse(guarded(), media_type="text/event-stream", headers={"cache-control": "no-store"})
