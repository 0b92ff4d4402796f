"""Clients that load an HTTP service, and processes of services pinned to a core. Not a benchmark itself."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import resource
import socket
import statistics
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil

WARM = 1.0
"""Seconds of load that are not counted."""
IDLE = 20.0
"""Seconds after which an unused connection is not used again; the service closes it after 75."""


def request(body: Mapping[str, Any], path: str = "/v1/classify") -> bytes:
    """A request as it goes over the wire."""
    content = json.dumps(body, ensure_ascii=False).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(content)}"
    )
    return head.encode() + b"\r\n\r\n" + content


async def response(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body of a response with a length or in chunks."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = int(head.split(b" ", 2)[1])
    for line in head.split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return status, await reader.readexactly(int(line.partition(b":")[2]))
    body = b""
    while size := int(await reader.readline(), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readline()
    return status, body


@dataclass(slots=True)
class _Connection:
    """A connection of a pool."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    used: float = 0.0
    """When its last response was complete (``time.perf_counter``)."""


@dataclass(slots=True)
class Load:
    """Clients that each send one request after the other over a connection that stays open."""

    port: int
    texts: Sequence[str]
    body: Callable[[str], dict[str, Any]] = lambda text: {"input": text}
    """The body of a request for a text; other servers have other forms."""
    milliseconds: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    """Status -> responses; 0: the connection broke."""
    bodies: dict[str, bytes] = field(default_factory=dict)
    """Text -> the last response to it."""
    idle_seconds: float = IDLE
    """Seconds after which ``at_rate`` closes a connection instead of using it again."""

    @property
    def failures(self) -> int:
        """Responses other than 200."""
        return sum(count for status, count in self.statuses.items() if status != 200)

    async def run(self, clients: int, seconds: float, *, warm: float = WARM) -> None:
        """Send requests for ``seconds``, after ``warm`` seconds that are not counted."""
        begins = time.perf_counter() + warm
        await asyncio.gather(*(self._client(number, begins, begins + seconds) for number in range(clients)))

    async def once(self, clients: int) -> None:
        """Send every text once."""
        left = iter(self.texts)

        async def client() -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            for text in left:
                await self._ask(reader, writer, text, counted=True)
            writer.close()

        await asyncio.gather(*(client() for _ in range(clients)))

    async def at_rate(self, per_second: float, seconds: float, *, seed: int = 0) -> None:
        """Send requests as a Poisson process, each over a connection of its own pool, whether or not earlier ones are
        answered (an open loop: latency counts from the moment a request is due).

        The pool shrinks to what the load needs: a connection that has been unused for ``idle_seconds`` is closed, since
        a server that closes it at the same moment would lose the request. No request is repeated.
        """
        draw = random.Random(seed)
        free: deque[_Connection] = deque()  # the one that was used last is at the right
        begun = due = time.perf_counter()
        number = 0
        tasks: set[asyncio.Task[None]] = set()

        async def one(text: str, at: float) -> None:
            while free and time.perf_counter() - free[0].used > self.idle_seconds:
                free.popleft().writer.close()
            try:
                connection = free.pop() if free else _Connection(*await asyncio.open_connection("127.0.0.1", self.port))
            except OSError:
                self.statuses[0] = self.statuses.get(0, 0) + 1
                return
            if await self._ask(connection.reader, connection.writer, text, counted=True, since=at):
                connection.used = time.perf_counter()
                free.append(connection)
            else:
                connection.writer.close()

        while due - begun < seconds:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            task = asyncio.ensure_future(one(self.texts[number % len(self.texts)], due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            number += 1
            due += draw.expovariate(per_second)
        await asyncio.gather(*tasks)
        for connection in free:
            connection.writer.close()

    async def _client(self, number: int, begins: float, ends: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        place = number * 17
        while (now := time.perf_counter()) < ends:
            text = self.texts[place % len(self.texts)]
            place += 1
            if not await self._ask(reader, writer, text, counted=now >= begins):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.close()

    async def _ask(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        text: str,
        *,
        counted: bool,
        since: float | None = None,
    ) -> bool:
        """Ask once; whether the connection can be used again."""
        since = time.perf_counter() if since is None else since
        try:
            writer.write(request(self.body(text)))
            status, body = await response(reader)
        except (OSError, asyncio.IncompleteReadError):
            status, body = 0, b""
        if counted:
            self.statuses[status] = self.statuses.get(status, 0) + 1
            if status == 200:
                self.milliseconds.append((time.perf_counter() - since) * 1000)
                self.bodies[text] = body
        return status != 0

    def summary(self, seconds: float) -> dict[str, Any]:
        """Requests per second and percentiles of the latency in milliseconds."""
        cuts = statistics.quantiles(self.milliseconds, n=100) if len(self.milliseconds) > 1 else [float("nan")] * 99
        return {
            "requests": len(self.milliseconds),
            "per_second": round(len(self.milliseconds) / seconds, 1),
            **{f"p{part}_ms": round(cuts[part - 1], 1) for part in (50, 95, 99)},
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
        }


async def first_answer(load: Load, *, seconds: float = 180.0) -> None:
    """Ask until the service answers with 200."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", load.port)
            writer.write(request(load.body(load.texts[0])))
            status, _ = await response(reader)
            writer.close()
        except (OSError, ValueError, asyncio.IncompleteReadError):
            status = 0
        if status == 200:
            return
        await asyncio.sleep(0.05)
    raise TimeoutError(f"nothing answered on port {load.port} within {seconds:g} s")


def allow_many_connections() -> None:
    """Let this process, and those it starts, open as many files as the system allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def pin(core: int | None) -> None:
    """Keep this process, and those it starts, on a core; ``None``: wherever the machine puts them."""
    if core is not None:
        os.sched_setaffinity(0, {core})


@contextlib.contextmanager
def running(
    command: Sequence[str],
    *,
    port: int,
    core: int | None = None,
    env: Mapping[str, str] | None = None,
    folder: str | None = None,
) -> Iterator[psutil.Process]:
    """A service's process on a core; it and its children are ended at the end.

    Raises:
        OSError: something else listens on the port, so that it would be measured instead.
    """
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", port))
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **(env or {})},
        cwd=folder,
        preexec_fn=lambda: pin(core),
        start_new_session=True,
    )
    seen = psutil.Process(process.pid)
    try:
        yield seen
    finally:
        children = seen.children(recursive=True) if seen.is_running() else []
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for child in children:
            with contextlib.suppress(psutil.Error):
                child.kill()


def memory_mb(process: psutil.Process) -> float:
    """Resident memory of a process and its children, in 10**6 bytes (what they share is counted for each)."""
    total = 0
    for member in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            total += member.memory_info().rss
    return round(total / 1e6, 1)
