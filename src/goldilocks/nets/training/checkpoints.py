"""Checkpoints on disk: a safetensors file with a fresh name, then one small JSON file that names it.

A checkpoint counts once the JSON file names it, and that file is replaced atomically: killed at any moment, the folder
holds the last checkpoint or the one before.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldilocks.errors import InputError, IntegrityError, MissingError
from goldilocks.nets.training.weight_names import read_weights
from goldilocks.support.files import need_file, read_text, sha256_of, verify_checksum, with_checksum, write_text

if TYPE_CHECKING:
    from torch import Tensor

VERSION = 1
INDEX = "run.json"


def write_checkpoint(folder: Path, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Replace the checkpoint in ``folder``.

    Args:
        folder: Created if missing.
        facts: JSON values.
        tensors: Name -> tensor, on any device.

    Raises:
        InputError: the folder cannot be written to, or the disk is full; the checkpoint before still counts.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    index = folder / INDEX
    try:
        folder.mkdir(parents=True, exist_ok=True)
        name = _free_name(folder)
        save_file({key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}, folder / name)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{folder}: cannot be written ({error}); free space or choose another --out.") from error
    content = {"version": VERSION, "tensors": name, "tensors_sha256": sha256_of(folder / name), **facts}
    write_text(index, with_checksum(content, indent=None))
    for old in folder.glob("state-*.safetensors"):
        if old.name != name:
            old.unlink(missing_ok=True)


def read_checkpoint(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The facts and tensors of the last checkpoint.

    Raises:
        MissingError: there is none.
        IntegrityError: it is damaged, or written by another version.
    """
    with reading(folder) as facts:
        if "shards" in facts:
            raise IntegrityError(f"{folder}: the checkpoint is of a run with --shard; resume with the same options.")
        tensors = folder / facts["tensors"]
        if facts.get("tensors_sha256") not in (None, sha256_of(tensors)):
            raise ValueError(f"{tensors.name} was changed since it was written")
        return facts, read_weights(tensors)


@contextmanager
def reading(folder: Path) -> Iterator[dict[str, Any]]:
    """The facts of the last checkpoint; what goes wrong while its tensors are read becomes an error that says so.

    Raises:
        MissingError: there is no checkpoint.
        IntegrityError: it is damaged, or written by another version.
    """
    from safetensors import SafetensorError

    index = folder / INDEX
    try:
        need_file(index)
        text = read_text(index)
        facts = json.loads(text)
        if facts["version"] != VERSION:
            raise IntegrityError(
                f"{index}: format version {facts['version']}, this reads {VERSION}; start the run again."
            )
        verify_checksum(text, index)
        yield facts
    except FileNotFoundError as error:
        raise MissingError(f"{folder}: holds no checkpoint ({error.filename} is not there).") from error
    except (ValueError, KeyError, TypeError, SafetensorError) as error:
        raise IntegrityError(
            f"{folder}: the checkpoint is damaged ({error}); remove it to start the run again."
        ) from error


def _free_name(folder: Path) -> str:
    taken = {path.name for path in folder.glob("state-*.safetensors")}
    return next(
        name for name in (f"state-{number}.safetensors" for number in range(len(taken) + 1)) if name not in taken
    )
