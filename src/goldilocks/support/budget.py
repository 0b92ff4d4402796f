"""A stopwatch over several sessions: a search that was interrupted goes on counting where it stood."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


class OutOfTimeError(Exception):
    """What was begun would not be done within its time; nobody is at fault."""


@dataclass(slots=True)
class Clock:
    """Wall clock of a search."""

    budget_seconds: float = float("inf")
    spent_before: float = 0.0
    """Seconds of earlier sessions of the same search."""
    _begun: float = field(default_factory=time.monotonic)

    def elapsed(self) -> float:
        """Seconds since the search began, time between sessions left out."""
        return self.spent_before + time.monotonic() - self._begun

    def left(self) -> float:
        """Seconds of the budget that are left; below 0 when it is overdrawn."""
        return self.budget_seconds - self.elapsed()
