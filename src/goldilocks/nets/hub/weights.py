"""Weights of a Hub folder, and the precision to run them in."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

from goldilocks.errors import IntegrityError, MissingError
from goldilocks.support.safetensors_file import check_finite


def hub_weights(folder: Path) -> dict[str, Tensor]:
    """All weights in a Hub folder's safetensors files, in their own precision.

    Raises:
        MissingError: there are none.
        IntegrityError: a file is damaged or cut short, or a weight is not a finite number.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    index = folder / "model.safetensors.index.json"
    if index.exists():
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    else:
        names = ["model.safetensors"]
    weights: dict[str, Tensor] = {}
    for name in names:
        if not (folder / name).exists() and index.exists():
            raise MissingError(
                f"{folder / name}: {index.name} names {len(names)} files and this one is missing; "
                "download the checkpoint again."
            )
        if not (folder / name).exists():
            raise MissingError(
                f"{folder / name}: there is no such file; pickled weights (pytorch_model.bin) are not loaded, "
                "save the model once with safetensors."
            )
        check_finite(folder / name)
        try:
            weights |= load_file(folder / name)
        except SafetensorError as error:
            raise IntegrityError(f"{folder / name}: damaged or cut short ({error}); download it again.") from error
    return weights


def inference_dtype(stored: torch.dtype) -> torch.dtype:
    """The fastest precision for inference on this machine that does not round weights stored as ``stored``.

    bfloat16 where the hardware has bfloat16 products, else float32: without them bfloat16 takes longer.
    """
    from goldilocks.support.machine.hardware import machine

    fast = machine().bf16 or machine().device == "cuda"
    return torch.bfloat16 if stored == torch.bfloat16 and fast else torch.float32
