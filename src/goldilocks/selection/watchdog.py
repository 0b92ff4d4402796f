"""A time limit on one step of one candidate, so that a hanging trial costs minutes and not the search.

A step that overruns its limit is interrupted by a signal, which ends sleeping, waiting for a lock, a pipe, a socket or
a child process, and any loop in Python; then the child processes that it started are killed, their own children
included. What never returns to Python (a deadlock inside a native library) cannot be interrupted within a process:
after a grace period the watchdog has the candidate written down as failed, kills the child processes and ends the whole
process with the exit code of an interruption, and ``--resume`` continues without that candidate.

Signals reach the main thread only. Where the search runs in another thread, limits are left to ``TrainingRun.advance``,
which asks ``stop`` between steps.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from goldilocks.errors import IntegrityError

GRACE_SECONDS = 60.0
"""How long an interrupted step may take to end before the process is ended."""
INTERRUPTED = 130
"""Exit code: interrupted, resumable."""
_MIN_SECONDS, _TIMES = 120.0, 20.0
"""Shortest limit, and how many times the forecast a step may take. Forecasts were 5 times off on busy machines, and
a slow candidate is the budget's business; this limit is for those that hang."""
_AGAIN_SECONDS = 5.0
_PROC = Path("/proc")


class StepTimeoutError(IntegrityError):
    """A step of one candidate did not end within its time limit: only that candidate is excluded."""


def limit_of(predicted_seconds: float, left: float, overdraft: float = GRACE_SECONDS) -> tuple[float, bool]:
    """Seconds that a step may take: 20 times its forecast, at least 2 minutes; never much beyond the budget.

    Args:
        predicted_seconds: Forecast of the step.
        left: Seconds of the budget that are left; runs that can end on their own do when it is over.
        overdraft: Seconds by which the others may overdraw it.

    Returns:
        The limit, and whether it is the budget's: the step is then not to blame.

    Example:
        >>> limit_of(1.0, 1000.0), limit_of(30.0, 10_000.0), limit_of(30.0, 100.0), limit_of(30.0, 50.0, 9.0)
        ((120.0, False), (600.0, False), (160.0, True), (59.0, True))
    """
    own, budgets = max(_MIN_SECONDS, _TIMES * max(predicted_seconds, 0.0)), max(left, 0.0) + overdraft
    return min(own, budgets), budgets < own


@contextmanager
def time_limit(
    seconds: float,
    what: str,
    *,
    grace: float = GRACE_SECONDS,
    give_up: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """Interrupt the block after ``seconds``, and kill the child processes that it started.

    Args:
        seconds: The limit.
        what: The step, for the message: ``encoder/m/full, up to 30 % of its run``.
        grace: Seconds from the interruption until the process is ended, where the interruption does not get through.
        give_up: Called with the reason before the process is ended, in another thread.

    Raises:
        StepTimeoutError: the limit was reached.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = descendants(os.getpid())
    reason = (
        f"{what}: did not end within {seconds:.0f} s; try it alone with `goldilocks tune`, or exclude it in the task "
        "file."
    )
    overrun = False

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal overrun
        overrun = True
        raise StepTimeoutError(reason)

    def end() -> None:
        _kill(descendants(os.getpid()) - before)
        if give_up:
            give_up(reason)
        sys.stderr.write(f"error: {reason} It does not answer to an interruption: continue with --resume.\n")
        sys.stderr.flush()
        os._exit(INTERRUPTED)

    last_resort = threading.Timer(seconds + grace, end)
    last_resort.daemon = True
    old = signal.signal(signal.SIGALRM, interrupt)
    # Again and again: an exception that is raised inside a destructor or a callback is swallowed.
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3), _AGAIN_SECONDS)
    last_resort.start()
    try:
        yield
    except Exception as error:
        if overrun and not isinstance(error, StepTimeoutError):  # the interruption made something else fail
            raise StepTimeoutError(reason) from error
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, old)
        last_resort.cancel()
        if overrun:
            _kill(descendants(os.getpid()) - before)


def descendants(process: int) -> set[int]:
    """Process ids of the children of a process, of their children, and so on; empty where there is no ``/proc``."""
    children: dict[int, list[int]] = {}
    for stat in _PROC.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            # pid (name, which may hold spaces and brackets) state parent ...
            parent = int(stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(stat.parent.name))
    descendants: set[int] = set()
    waiting = [process]
    while waiting:
        for child in children.get(waiting.pop(), []):
            if child not in descendants:
                descendants.add(child)
                waiting.append(child)
    return descendants


def _kill(processes: set[int]) -> None:
    """Stop all processes before any is killed: a parent that outlives its child could start another."""
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for process in processes:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, number)
