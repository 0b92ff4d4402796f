"""The family's own code: PyTorch for networks, NumPy for n-gram models. Every family has it."""

from __future__ import annotations

from pathlib import Path

from goldilocks import plugins
from goldilocks.protocols import Model


def unavailable() -> str | None:
    """``None``: always there. See ``protocols.Engine``."""
    return None


def load(folder: Path, family: str) -> Model:
    """What ``save`` wrote. See ``protocols.Engine``."""
    return plugins.load("families", family).restore(folder)
