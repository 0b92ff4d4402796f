"""Trackers of experiments: trackers/NAME.py."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol


class TrackedRun(Protocol):
    """One run in an experiment tracker. Its methods may raise any error: the caller then writes no more."""

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Write values at a step."""

    def close(self) -> None:
        """Finish the run."""


class Tracker(Protocol):
    """trackers/NAME.py: writes the progress of runs for an experiment tracker (an extra of the same name)."""

    def start(self, folder: Path, name: str, settings: Mapping[str, str], *, offline: bool) -> TrackedRun:
        """Begin a run called ``name``; ``offline``: in files inside ``folder``, without any connection."""
