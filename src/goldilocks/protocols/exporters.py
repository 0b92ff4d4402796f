"""Exporters: exporters/NAME.py."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

from goldilocks.protocols.models import Model
from goldilocks.records import Exported, ExportSettings


class Exporter(Protocol):
    """exporters/NAME.py: one format that other software runs. It gives the bundle's answers, or says what it cannot."""

    def unavailable(self) -> str | None:
        """Why it cannot write on this machine, for the user; ``None``: it can. Imports nothing heavy."""

    def incompatibility(self, model: Model) -> str | None:
        """Why the model cannot be exported with the same answers, for the user; ``None``: it can."""

    def export(self, model: Model, settings: ExportSettings, folder: Path) -> Exported:
        """Write a model for which ``incompatibility`` returns ``None`` into the empty ``folder``."""


@runtime_checkable
class HasPrecisions(Protocol):
    """An exporter (besides ``Exporter``) that writes weights in several precisions."""

    @property
    def PRECISIONS(self) -> tuple[str, ...]:  # noqa: N802
        """Values of ``ExportSettings.precision``; the first is the default."""
