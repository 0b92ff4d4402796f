"""Waiting for the results of a request: until they are there, the time is up, or the client has left."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request

from goldilocks.errors import RequestError
from goldilocks.serving.engine import Result
from goldilocks.serving.queue import Job

_AT_ONCE = 0.05
"""Seconds before the service looks whether a client has left."""


async def result_of(request: Request, job: Job, seconds: float) -> list[Result]:
    """The results of a job.

    Raises:
        RequestError: the time limit has passed (503), the client has left (499), or the job failed.
    """
    answer = asyncio.wrap_future(job.future)
    try:
        # Most answers come at once: only of the others it is worth watching whether somebody still waits for them.
        await asyncio.wait((answer,), timeout=min(_AT_ONCE, seconds))
        if not answer.done():
            await _answer_or_leaving(request, answer, seconds - _AT_ONCE)
        return answer.result()
    finally:
        answer.cancel()


async def _answer_or_leaving(request: Request, answer: asyncio.Future[list[Result]], seconds: float) -> None:
    gone = asyncio.ensure_future(_left(request))
    waited_for: set[asyncio.Future[Any]] = {answer, gone}
    try:
        await asyncio.wait(waited_for, timeout=max(0.0, seconds), return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
    if answer.done():
        return
    if gone.done() and not gone.cancelled():
        raise RequestError(499, "client_gone", "the client closed the connection.")
    raise RequestError(503, "timeout", "not answered within the time limit; ask for less at a time.", retry_after=1)


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
