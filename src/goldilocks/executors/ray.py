"""Purchases as Ray tasks, on the machines of a cluster.

What all tasks need is put into Ray's object store once. A task is never retried by Ray: a worker, or its whole machine,
that is lost costs the rung it was running, which the race may buy again. Every node needs the same version of
Goldilocks and Python, and the pretrained models that are not fetched from a hub. (Ray serialises what its own processes
send each other with pickle: connect to clusters that you trust.)
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from goldilocks.errors import GoldilocksError, InputError, ProcessError, WorkerLostError
from goldilocks.protocols import ExecutorOptions, Job
from goldilocks.support.machine.ray_environment import import_ray

_ADDRESS = "RAY_ADDRESS"
_CONNECT_SECONDS = 5.0
_POLL_SECONDS = 1.0
"""Between two looks at whether the head node answers."""
_SILENT = 3
"""Looks without an answer after which the head node is taken for lost."""
_CLOSE_SECONDS = 10.0


@contextmanager
def open_workers(options: ExecutorOptions) -> Iterator[RayWorkers]:
    """See ``protocols.Executor``. Without an address: that of ``RAY_ADDRESS``, else a cluster on this machine."""
    address = options.address or os.environ.get(_ADDRESS) or None
    ray = import_ray(own=address is None)
    if address is not None:
        _check_reachable(address)
    try:
        own: dict[str, Any] = {"include_dashboard": False} if address is None else {"address": address}
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **own)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError, ray.exceptions.RayError) as error:
        where = address or "this machine"
        raise InputError(f"Ray cannot be used at {where}: {_reason(error)}") from error
    workers = RayWorkers(ray, options, _endpoint(ray, address))
    try:
        yield workers
    finally:
        workers.close()


class RayWorkers:
    """The free processors of a cluster. See ``protocols.Workers``."""

    in_process = False

    def __init__(self, ray: Any, options: ExecutorOptions, head: tuple[str, int] | None) -> None:
        """Workers of a cluster that this process has joined; ``head``: host and port that must go on answering."""
        self._ray, self._options, self._head = ray, options, head
        self._perform: Callable[[Any, Any], Any] | None = None
        self._data: Any = None
        self._names: dict[Any, str] = {}
        """Task in flight -> name of its job."""
        self._nodes: tuple[float, list[dict[str, float]]] = (-1.0, [])
        """When the resources of the living nodes were last asked for, and these."""
        self._silent = 0

    @property
    def size(self) -> int:
        """Jobs that the processors of the living nodes have room for."""
        return sum(int(node.get("CPU", 0.0)) // self._options.threads for node in self._living())

    @property
    def free(self) -> int:
        """Room for more jobs."""
        return max(self.size - len(self._names), 0)

    def share(self, perform: Callable[[Any, Any], Any], data: Any) -> None:
        """See ``protocols.Workers``: the data go into the object store."""
        self._perform = perform
        self._data = self._ray.put(data)

    def submit(self, job: Job) -> None:
        """See ``protocols.Workers``."""
        largest = max((node.get("memory", 0.0) for node in self._living()), default=0.0)
        task = self._ray.remote(self._perform).options(
            name=job.name,
            num_cpus=self._options.threads,
            num_gpus=min(job.gpus, int(max((node.get("GPU", 0.0) for node in self._living()), default=0.0))),
            memory=int(min(job.memory_bytes, largest)),  # more than any node has would wait for ever
            max_retries=0,
        )
        self._names[task.remote(self._data, job.content)] = job.name

    def wait(self) -> tuple[str, Callable[[], Any]]:
        """See ``protocols.Workers``."""
        while True:
            done, _ = self._ray.wait(list(self._names), num_returns=1, timeout=_POLL_SECONDS)
            if done:
                return self._names.pop(done[0]), partial(self._result, done[0])
            self._check_head()

    def close(self) -> None:
        """End what is in flight and leave the cluster; not for longer than some seconds, as its head may be gone."""

        def leave() -> None:
            with contextlib.suppress(Exception):
                for task in self._names:
                    self._ray.cancel(task, force=True)
                self._ray.shutdown()

        thread = threading.Thread(target=leave, daemon=True)
        thread.start()
        thread.join(_CLOSE_SECONDS)

    def _result(self, task: Any) -> Any:
        errors = self._ray.exceptions
        try:
            return self._ray.get(task)
        except errors.RayTaskError as error:
            if isinstance(error.cause, GoldilocksError):
                raise error.cause from error
            if isinstance(error.cause, ModuleNotFoundError):
                raise InputError(
                    f"a worker has no package {error.cause.name}; install the same version of Goldilocks on every node "
                    "of the cluster, then --resume."
                ) from error
            raise
        except errors.RayError as error:
            self._nodes = (-1.0, [])
            self._check_head()
            raise WorkerLostError(_LOST.get(type(error).__name__, _reason(error))) from error

    def _living(self) -> list[dict[str, float]]:
        """Resources of the nodes that are alive, asked for once a second at most."""
        if time.monotonic() - self._nodes[0] > _POLL_SECONDS:
            self._check_head()
            nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
            self._nodes = (time.monotonic(), nodes)
        return self._nodes[1]

    def _check_head(self) -> None:
        """Check that the head node still answers.

        Raises:
            ProcessError: it has not for some seconds.
        """
        while self._head is not None and not _answers(self._head):
            self._silent += 1
            if self._silent >= _SILENT:
                raise ProcessError(
                    f"the head node of the Ray cluster ({self._head[0]}:{self._head[1]}) no longer answers; the run "
                    "folder is intact: start a cluster, then --resume."
                )
            time.sleep(_POLL_SECONDS)
        self._silent = 0


_LOST = {
    "WorkerCrashedError": "its process ended",
    "NodeDiedError": "its node ended",
    "OutOfMemoryError": "its node ran out of memory",
}
"""Ray's error -> in words."""


def _check_reachable(address: str) -> None:
    """Ray itself would wait for a minute.

    Raises:
        InputError: the address is not one, or nothing listens there.
    """
    if address in ("auto", "local"):
        return
    where = _host_and_port(address)
    if where is None:
        raise InputError(f"--address {address}: write host:port of a Ray cluster, e.g. 10.0.0.5:6379, or auto.")
    if not _answers(where):
        raise InputError(
            f"--address {address}: nothing answers there; start a cluster with `ray start --head`, or leave --address "
            "out to use this machine."
        )


def _host_and_port(address: str) -> tuple[str, int] | None:
    parts = urlsplit(address if "://" in address else f"ray://{address}")
    try:
        port = parts.port
    except ValueError:  # not a number, or too large for one
        return None
    return (parts.hostname, port) if parts.hostname and port else None


def _endpoint(ray: Any, address: str | None) -> tuple[str, int] | None:
    """What must go on answering: the cluster's control service, or the proxy that a client is connected to."""
    if address is not None and "://" in address:
        return _host_and_port(address)
    return _host_and_port(ray.get_runtime_context().gcs_address)


def _answers(where: tuple[str, int]) -> bool:
    try:
        with socket.create_connection(where, timeout=_CONNECT_SECONDS):
            return True
    except OSError:
        return False


def _reason(error: Exception) -> str:
    """The first line of an error with some content: tracebacks and advice follow."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
