"""Which versions are served, kept in a file, so that a restart serves what was promoted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from goldilocks.support.files import read_record, to_json, write_text


@dataclass(frozen=True, slots=True)
class ModelState:
    """The versions of one model."""

    current: str
    """Folder of the bundle that answers."""
    previous: str | None = None
    """Folder of the one before the last promotion."""
    previous_version: str | None = None
    """Version of the bundle in that folder then."""


@dataclass(frozen=True, slots=True)
class ServingState:
    """The file's content."""

    models: Mapping[str, ModelState] = field(default_factory=dict)


def read_state(path: Path | None) -> ServingState:
    """What was served last; nothing where there is no file.

    Raises:
        IntegrityError: the file is damaged.
    """
    return ServingState() if path is None or not path.exists() else read_record(ServingState, path)


def write_state(path: Path, state: ServingState) -> None:
    """Keep what is served now.

    Raises:
        InputError: the file cannot be written.
    """
    write_text(path, to_json(state))
