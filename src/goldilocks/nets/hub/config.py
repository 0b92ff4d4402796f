"""Configuration and number of weights of a folder in the Hub's format, without loading a library or the weights."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

from goldilocks.errors import InputError, IntegrityError, MissingError
from goldilocks.support.safetensors_file import check_no_pointer


def read_config(folder: Path) -> dict[str, Any]:
    """The ``config.json`` of a Hub folder.

    Raises:
        MissingError: there is none.
        InputError: it is not a JSON object.
    """
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingError(f"{path}: there is no such file; pass a folder in the Hub's format.") from error
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({error}); download the checkpoint again.") from error
    if not isinstance(config, dict):
        raise InputError(f"{path}: holds {type(config).__name__}; a configuration is a JSON object.")
    return config


def count_weights(file: Path) -> int:
    """Number of weights in a safetensors file, from its header; integers (position ids) are not counted.

    Raises:
        IntegrityError: it has no such header.
    """
    header = _header(file)
    try:
        shapes = [entry["shape"] for entry in header.values() if "I" not in entry["dtype"]]
        return sum(math.prod(shape) for shape in shapes)
    except (KeyError, TypeError) as error:
        raise _damaged(file, error) from error


def weight_names(file: Path) -> set[str]:
    """Names of the weights in a safetensors file, from its header.

    Raises:
        IntegrityError: it has no such header.
    """
    return set(_header(file))


def _header(file: Path) -> dict[str, Any]:
    """Name of each weight -> its entry."""
    try:
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            header = json.loads(stream.read(min(length, 100_000_000)))
        return {name: entry for name, entry in header.items() if name != "__metadata__"}
    except (struct.error, ValueError, RecursionError, TypeError, AttributeError) as error:
        raise _damaged(file, error) from error


def _damaged(file: Path, error: Exception) -> IntegrityError:
    if file.is_file():
        check_no_pointer(file)
    return IntegrityError(f"{file}: not a safetensors file ({error}); download the checkpoint again.")
