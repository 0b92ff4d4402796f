"""Executors of the race's purchases: executors/NAME.py."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class ExecutorOptions:
    """Where jobs run, as the user chose it."""

    address: str | None = None
    """Address of a cluster; ``None``: the executor's default for this machine."""
    threads: int = 1
    """Compute threads, so processor cores, of one job."""


@dataclass(frozen=True, slots=True)
class Job:
    """One purchase, as an executor sees it."""

    name: str
    """Unique among the jobs in flight: the candidate."""
    content: Any
    """Second argument of the function that was shared."""
    memory_bytes: float = 0.0
    """Predicted peak memory."""
    gpus: int = 0


class Workers(Protocol):
    """What carries out jobs, from ``Executor.open_workers`` until the block ends."""

    @property
    def in_process(self) -> bool:
        """Whether jobs run in this process, in ``Finished.result``: they see its memory and the run folder."""

    @property
    def size(self) -> int:
        """Jobs that can run at once; may change as machines join and leave."""

    @property
    def free(self) -> int:
        """Jobs that could start now; 0 with no job in flight: every worker is gone."""

    def share(self, perform: Callable[[Any, Any], Any], data: Any) -> None:
        """Hand over what all jobs need, once: each is then ``perform(data, job.content)``.

        Where jobs run in other processes both have to be serialisable, the function by its import name.
        """

    def submit(self, job: Job) -> None:
        """Begin a job; only while ``free`` is above 0."""

    def wait(self) -> tuple[str, Callable[[], Any]]:
        """Wait for any job in flight to end.

        Returns:
            Its name, and what returns its result or raises its error: ``WorkerLostError`` where the worker ended.

        Raises:
            ProcessError: no job in flight can end any more, as the cluster does not answer.
        """


class Executor(Protocol):
    """executors/NAME.py: carries out purchases, in this process or on other machines."""

    def open_workers(self, options: ExecutorOptions) -> AbstractContextManager[Workers]:
        """Workers, which are given back at the end of the block, with the jobs that are still in flight.

        Raises:
            MissingError: a package is not installed.
            InputError: the address cannot be reached, or is not of such a cluster.
        """
