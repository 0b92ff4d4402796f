"""A stopwatch across sessions: a resumed search continues to count."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


class OutOfTimeError(Exception):
    """A step would not finish within its time limit; this is not a failure."""


@dataclass(slots=True)
class Clock:
    """Wall clock of a search."""

    budget_seconds: float = float("inf")
    spent_before: float = 0.0
    """Seconds of earlier sessions of the same search."""
    _begun: float = field(default_factory=time.monotonic)
    _latest: float = 0.0

    def elapsed(self) -> float:
        """Seconds since the search began, time between sessions left out; never less than it was.

        A clock that jumps back (a virtual machine that is moved, a test) stands still until it has caught up.
        """
        self._latest = max(self._latest, time.monotonic() - self._begun)
        return self.spent_before + self._latest

    def left(self) -> float:
        """Seconds of the budget that are left; below 0 when it is overdrawn."""
        return self.budget_seconds - self.elapsed()
