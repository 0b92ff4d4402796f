"""Failures of one candidate exclude that candidate only: the one place that attributes errors to candidates.

Attributed to a candidate: an endpoint that does not answer or has used up its money, files that are missing, damaged
or of the wrong kind, too little memory. Never attributed: limits and budget of the whole search, a full disk, and
exceptions that are not raised on purpose (programming errors must surface).

A failed candidate stays excluded from this run, also with ``--resume``: retrying an endpoint costs minutes and possibly
money, and a race whose candidates change between sessions is hard to explain. To retry a candidate, remove its line
from ``dropped.jsonl``; its earlier purchases still count.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from goldilocks.errors import EndpointError, InputError, IntegrityError, MissingError
from goldilocks.events import CandidateFailed, Progress
from goldilocks.records import Failure
from goldilocks.selection.workspace import Workspace
from goldilocks.support.machine.clock import Clock
from goldilocks.support.machine.out_of_memory import out_of_memory

_MEMORY = "not enough memory on this machine"


def own_fault(error: Exception) -> str | None:
    """Why only this candidate is excluded; ``None`` if the error concerns the whole run or is a programming error.

    Example:
        >>> own_fault(MemoryError()), own_fault(MissingError("x: is not there.")), own_fault(KeyError("x"))
        ('not enough memory on this machine', 'x: is not there.', None)
    """
    if out_of_memory(error):
        return f"{_MEMORY} ({error})" if isinstance(error, MemoryError) and str(error) else _MEMORY
    if isinstance(error, InputError):
        # What writes to the run's folder says so when the disk is full, and names the cause.
        return None if _writing(error.__cause__) else str(error)
    return str(error) if isinstance(error, EndpointError | MissingError | IntegrityError) else None


def _writing(cause: BaseException | None) -> bool:
    return isinstance(cause, OSError) or type(cause).__name__ == "SafetensorError"


@dataclass(frozen=True, slots=True)
class Guard:
    """Catches failures of single candidates and records them."""

    workspace: Workspace
    clock: Clock
    progress: Progress

    @contextmanager
    def watch(
        self,
        stage: str,
        names: Sequence[str],
        only: tuple[type[Exception], ...] = (Exception,),
        since: float | None = None,
    ) -> Iterator[list[Failure]]:
        """Inside, an error of the candidate's own excludes it and ends the block; any other is raised.

        Args:
            stage: As in ``records.Failure``.
            names: The candidate, or all candidates of the model that is looked at.
            only: Kinds of error that may be the candidate's own here.
            since: On the clock, when the step began; ``None``: now.

        Yields:
            The candidates that failed; empty if none did.
        """
        failures: list[Failure] = []
        started = self.clock.elapsed() if since is None else since
        try:
            yield failures
        except only as error:
            reason = own_fault(error)
            if reason is None:
                raise
            elapsed = self.clock.elapsed()
            failures += [Failure(name, stage, reason, elapsed - started, elapsed) for name in names]
        if failures:
            gc.collect()  # a model that was too large lives on in the frames of its error
        for failure in failures:
            self.workspace.add_failure(failure)
            self.progress(CandidateFailed(failure, self.clock.left()))
