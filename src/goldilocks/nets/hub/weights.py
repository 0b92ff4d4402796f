"""Weights as they lie in a Hub folder, and matrices in the order a processor likes best."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

from goldilocks.errors import IntegrityError, MissingError
from goldilocks.support.safetensors_file import check_finite


def hub_weights(folder: Path) -> dict[str, Tensor]:
    """Every weight of a Hub folder's safetensors, in the precision they are kept in.

    Raises:
        MissingError: there are none.
        IntegrityError: a file is damaged or cut short, or a weight is no finite number.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    index = folder / "model.safetensors.index.json"
    if index.exists():
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    else:
        names = ["model.safetensors"]
    found: dict[str, Tensor] = {}
    for name in names:
        if not (folder / name).exists() and index.exists():
            raise MissingError(
                f"{folder / name}: {index.name} names {len(names)} files and this one is missing; "
                "download the checkpoint again."
            )
        if not (folder / name).exists():
            raise MissingError(
                f"{folder / name}: there is no such file; pickled weights (pytorch_model.bin) are not read, "
                "save the model once with safetensors."
            )
        check_finite(folder / name)
        try:
            found |= load_file(folder / name)
        except SafetensorError as error:
            raise IntegrityError(f"{folder / name}: damaged or cut short ({error}); download it again.") from error
    return found


def answering(kept: torch.dtype) -> torch.dtype:
    """The precision in which weights kept as ``kept`` answer fastest here without being rounded.

    bfloat16 where the processor multiplies it, else float32: without such a processor bfloat16 products take longer.
    """
    from goldilocks.support.machine.hardware import machine

    quick = machine().bf16 or machine().device == "cuda"
    return torch.bfloat16 if kept == torch.bfloat16 and quick else torch.float32


# ------------------------------------------------------------------------------------- in the processor's own order
