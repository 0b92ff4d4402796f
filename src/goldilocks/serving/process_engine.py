"""An engine in a process of its own: what crashes, hangs or grows there harms nobody else."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

from goldilocks.errors import InputError, IntegrityError
from goldilocks.nets.generation.streaming import OnText
from goldilocks.records import Text
from goldilocks.serving.engine import Call, Engine, LocalEngine, ModelCard, Result
from goldilocks.serving.replica import EngineCrashedError
from goldilocks.serving.settings import ReplicaSettings
from goldilocks.serving.wire import call_to, card_from, receive, result_from, send
from goldilocks.support.machine.hardware import cores

_LOADING = 600.0
"""Seconds a bundle may take to load."""
_END = 5.0
"""Seconds a process may take to end on its own."""


class ProcessEngine:
    """A bundle in a process."""

    def __init__(self, folder: Path, *, seconds: float, threads: int = 0, memory_mb: float | None = None) -> None:
        """Start the process and wait until it has loaded the bundle.

        Args:
            folder: Folder of the bundle.
            seconds: A batch that takes longer is given up, with the process.
            threads: Threads of numerical libraries; 0: as they choose.
            memory_mb: After a batch the process is replaced if it holds more (10**6 bytes).

        Raises:
            IntegrityError: the bundle cannot be loaded.
            EngineCrashedError: the process ended while it loaded.
        """
        self._folder, self._seconds, self._threads, self._memory_mb = folder, seconds, threads, memory_mb
        self._open()

    @property
    def alive(self) -> bool:
        """See ``Engine``."""
        return self._process.poll() is None

    def run(self, call: Call, items: Sequence[Text], *, on_text: OnText | None = None) -> list[Result]:
        """See ``Engine``.

        Raises:
            InputError: an item cannot be answered.
            EngineCrashedError: the process ended, or takes too long.
            RuntimeError: the model failed.
        """
        message = self._asked(call_to(call, items, stream=on_text is not None))
        while "text" in message:
            message = self._streamed(message["text"], on_text)
        if "invalid" in message:
            raise InputError(message["invalid"])
        if "error" in message:
            raise RuntimeError(message["error"])
        results = [result_from(entry, item, self.card) for entry, item in zip(message["results"], items, strict=True)]
        if self._memory_mb is not None and self._resident() > self._memory_mb * 1e6:
            self.close()
            self._open()
        return results

    def _streamed(self, text: str, on_text: OnText | None) -> dict[str, Any]:
        """Pass on the text so far; the next message. Where nobody wants it, the process is asked to stop."""
        try:
            if on_text is not None:
                on_text(text)
        except Exception:
            message = self._asked({"cancel": True})
            while "text" in message:  # written before it saw that
                message = self._asked(None)
            raise
        return self._asked(None)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def close(self) -> None:
        """See ``Engine``."""
        self._sock.close()  # the process ends when it reads that
        try:
            self._process.wait(_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _open(self) -> None:
        self._sock, other = socket.socketpair()
        command = [sys.executable, "-m", "goldilocks.serving.worker", str(other.fileno()), str(self._folder)]
        environment = {"GOMP_SPINCOUNT": "0", **os.environ}  # see ``server.use_threads``
        if self._threads:
            environment |= dict.fromkeys(
                ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(self._threads)
            )
        self._process = subprocess.Popen(
            command, pass_fds=(other.fileno(),), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment
        )
        other.close()
        self._sock.settimeout(_LOADING)
        message = self._asked(None)
        if "failed" in message:
            self.close()
            raise IntegrityError(message["failed"])
        self.card: ModelCard = card_from(message["card"])
        self._sock.settimeout(self._seconds)

    def _asked(self, message: dict[str, Any] | None) -> dict[str, Any]:
        """The answer to a message (or, without one, what the process says first)."""
        try:
            if message is not None:
                send(self._sock, message)
            answer = receive(self._sock)
        except TimeoutError as error:
            self._process.kill()
            raise EngineCrashedError(
                f"process {self.pid} took more than {self._seconds:g} s for a batch and was ended"
            ) from error
        except OSError as error:
            raise EngineCrashedError(f"process {self.pid} has ended ({error.strerror})") from error
        if answer is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_END)
            raise EngineCrashedError(f"process {self.pid} has ended with code {self._process.returncode}")
        return answer

    def _resident(self) -> int:
        try:
            return int(psutil.Process(self.pid).memory_info().rss)
        except psutil.Error:
            return 0


def opener(replicas: ReplicaSettings, seconds: float) -> Callable[[Path], Engine]:
    """What makes the engine of a replica: in this process, or in one of its own."""
    if not replicas.isolated:
        return LocalEngine
    threads = replicas.threads or max(1, cores() // replicas.max_replicas)

    def opened(folder: Path) -> Engine:
        return ProcessEngine(folder, seconds=seconds, threads=threads, memory_mb=replicas.memory_mb)

    return opened
