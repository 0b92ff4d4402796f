"""Weights as they lie in a Hub folder, and matrices in the order a processor likes best."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

from goldilocks.errors import IntegrityError, MissingError


def hub_weights(folder: Path) -> dict[str, Tensor]:
    """Every weight of a Hub folder's safetensors, in the precision they are kept in.

    Raises:
        MissingError: there are none.
        IntegrityError: a file is damaged or cut short.
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
        if not (folder / name).exists():
            raise MissingError(
                f"{folder / name}: there is no such file; pickled weights (pytorch_model.bin) are not read, "
                "save the model once with safetensors."
            )
        try:
            found |= load_file(folder / name)
        except SafetensorError as error:
            raise IntegrityError(f"{folder / name}: damaged or cut short ({error}); download it again.") from error
    return found


_FEW = 8
"""Rows the order is chosen for: a step of generation reads one token for each of a few texts."""


def pack(weight: Tensor) -> Tensor | None:
    """The matrix in oneDNN's own order; ``None`` where that would not help (float32, an accelerator, no oneDNN).

    A plain bfloat16 product puts the matrix into that order anew each time, which for few rows costs as much as the
    product.
    """
    from goldilocks.support.hardware import machine

    if weight.dtype != torch.bfloat16 or weight.device.type != "cpu" or not machine().bf16:
        return None
    there: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not (there and hasattr(torch.ops.mkldnn, "_linear_pointwise")):
        return None
    packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), _FEW)
    return packed


def packed_linear(x: Tensor, packed: Tensor, bias: Tensor | None) -> Tensor:
    """``F.linear`` with a matrix that ``pack`` gave."""
    product: Tensor = torch.ops.mkldnn._linear_pointwise(x, packed, bias, "none", [], "")
    return product
