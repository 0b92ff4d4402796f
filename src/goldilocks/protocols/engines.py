"""Engines: engines/NAME.py."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

from goldilocks.protocols.models import Model


class Engine(Protocol):
    """engines/NAME.py: what runs the model of a bundle."""

    def unavailable(self) -> str | None:
        """Why it cannot run on this machine, for the user; ``None``: it can. Imports nothing heavy."""

    def load(self, folder: Path, family: str) -> Model:
        """The model in a bundle's ``model/`` folder, ready for inference.

        Raises:
            MissingError: a package it needs is not installed.
        """


@runtime_checkable
class ReadsFolders(Protocol):
    """An engine (besides ``Engine``) that runs the folders of another one: an alternative that measuring decides on."""

    @property
    def READS(self) -> str:  # noqa: N802
        """File name in engines/ of the one whose folders it runs."""

    def incompatibility(self, model: Model) -> str | None:
        """Why it cannot run a model that the other engine loaded, for the user; ``None``: it can."""


@runtime_checkable
class NeedsInstalled(Protocol):
    """An engine (beside ``Engine``) that needs more than the package's own requirements."""

    @property
    def EXTRA(self) -> str:  # noqa: N802
        """The package's extra with what it needs; empty: none."""

    @property
    def SYSTEM_PACKAGES(self) -> tuple[str, ...]:  # noqa: N802
        """Debian packages that it needs."""
