"""The end of a service: accepted requests have some seconds to be answered, and then it ends whatever happens.

A thread of its own keeps the time, so that an event loop that cannot keep up (thousands of connections on a slow core)
does not delay the end.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

from goldilocks.errors import UnansweredError

GRACE = 5.0
"""Seconds after the deadline in which refusals are sent, the log is written and the process ends by itself."""
_SAVING = 2.0
"""Seconds for what is saved when the process is ended by force."""


class Drain:
    """Keeps the deadline from the signal on."""

    def __init__(
        self,
        seconds: float,
        abandon: Callable[[], int],
        end: Callable[[UnansweredError], object],
        *,
        grace: float = GRACE,
    ) -> None:
        """Wait for the signal, in a thread.

        Args:
            seconds: From the signal to the deadline.
            abandon: Called at the deadline unless the service has ended: refuses what is not answered, and counts it.
            end: Called ``grace`` seconds later if the service still has not ended; has to end the process.
            grace: Seconds.
        """
        self.seconds = seconds
        self.unanswered: int | None = None
        """Accepted requests that were refused at the deadline; ``None``: it has not passed."""
        self._abandon, self._end, self._grace = abandon, end, grace
        # A signal may come while the main thread holds a lock: this queue is the one that takes an entry even then.
        self._signals: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="drain", daemon=True)
        self._thread.start()

    def begin(self) -> None:
        """The signal has come. May be called in a signal handler, and again."""
        self._signals.put(None)

    def finish(self) -> None:
        """The service has ended.

        Raises:
            UnansweredError: some of what it had accepted was refused at the deadline.
        """
        self._ended.set()
        self._signals.put(None)
        self._thread.join()
        if self.unanswered:
            raise self._error()

    def _run(self) -> None:
        self._signals.get()
        if self._ended.wait(self.seconds):
            return
        self.unanswered = self._abandon()
        if not self._ended.wait(self._grace):
            self._end(self._error())

    def _error(self) -> UnansweredError:
        return UnansweredError(
            f"stopped {self.seconds:g} s after the signal (limits.drain_seconds); accepted requests left unanswered: "
            f"{self.unanswered or 0:,}; raise limits.drain_seconds, or lower limits.queue_items."
        )


def end_process(error: UnansweredError, save: Callable[[], object]) -> NoReturn:
    """End the process at once with the error's line and exit code, after ``save``, which gets a moment only."""
    saving = threading.Thread(target=save, daemon=True)
    saving.start()
    saving.join(_SAVING)
    sys.stderr.write(f"error: {error}\n")
    sys.stderr.flush()
    os._exit(error.EXIT_CODE)
