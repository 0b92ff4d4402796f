"""Purchases one after the other, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from goldilocks.errors import InputError
from goldilocks.protocols import ExecutorOptions, Job


@contextmanager
def open_workers(options: ExecutorOptions) -> Iterator[LocalWorkers]:
    """See ``protocols.Executor``; threads are set for the whole process, and there is no cluster."""
    if options.address is not None:
        raise InputError(
            f"--address {options.address}: the local executor has no cluster; add --executor ray, in Python executor "
            "of RunSettings."
        )
    yield LocalWorkers()


class LocalWorkers:
    """One worker: a job runs when its result is asked for, so that it can be interrupted like any other code."""

    in_process = True
    size = 1

    def __init__(self) -> None:
        """Nothing is in flight."""
        self._perform: Callable[[Any, Any], Any] = _nothing
        self._data: Any = None
        self._jobs: list[Job] = []

    @property
    def free(self) -> int:
        """1, but while a job is in flight."""
        return 1 - len(self._jobs)

    def share(self, perform: Callable[[Any, Any], Any], data: Any) -> None:
        """See ``protocols.Workers``."""
        self._perform, self._data = perform, data

    def submit(self, job: Job) -> None:
        """See ``protocols.Workers``."""
        self._jobs.append(job)

    def wait(self) -> tuple[str, Callable[[], Any]]:
        """See ``protocols.Workers``."""
        job = self._jobs.pop()
        return job.name, lambda: self._perform(self._data, job.content)


def _nothing(data: Any, content: Any) -> None:
    """Stands for the function until one is shared."""
