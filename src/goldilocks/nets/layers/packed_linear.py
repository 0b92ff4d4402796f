"""Linear layers with weights packed for inference on this processor."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import torch
from torch import Tensor

from goldilocks.nets.layers.private_ops import (
    FbgemmWeight,
    OneDnnWeight,
    fbgemm_linear,
    onednn_linear,
    pack_fbgemm_fp16,
    pack_onednn,
)
from goldilocks.support.machine.hardware import cores


class PackedLinear(Protocol):
    """``F.linear`` with a matrix that does not change any more."""

    def __call__(self, x: Tensor) -> Tensor:
        """``(..., n_in)`` -> ``(..., n_out)``."""

    def argmax(self, x: Tensor) -> Tensor:
        """Index of the highest output, ``(..., n_in)`` -> ``(...)``."""


_FEW_ROWS = 8
"""Rows the layout is chosen for: a step of generation has one token for each of a few texts."""
_CHECKED_ROWS = 512
"""Rows of a matrix that are checked for half precision at a time."""
_LARGE = 32_768
"""Rows from which a matrix is packed in parts, by all cores: LM heads."""


def pack_linear(weight: Tensor, bias: Tensor | None, *, incremental: bool = True) -> PackedLinear | None:
    """The fastest product with this matrix for few rows, equal up to the order of its sums; ``None``: ``F.linear``.

    bfloat16    oneDNN's layout, where the processor multiplies bfloat16. A plain product packs the matrix again each
                time, which for few rows costs as much as the product.
    float32     FBGEMM's half-precision matrix with float32 sums, where every weight *is* a half-precision number, as
                nearly all weights of a bfloat16 checkpoint are: half the bytes to load, and made for few rows. Else
                oneDNN's.

    Args:
        weight: ``(n_out, n_in)``.
        bias: ``(n_out,)``.
        incremental: Whether texts will be generated token by token. Packing for FBGEMM takes seconds for 100 million
            weights (each core takes a part), which pays after some 50 steps; without it float32 stays as it is.
    """
    if weight.device.type != "cpu":
        return None
    weight = weight.detach()
    if weight.dtype == torch.float32 and incremental:
        return _fbgemm(weight, bias) or _onednn(weight, bias)
    from goldilocks.support.machine.hardware import machine

    return _onednn(weight, bias) if weight.dtype == torch.bfloat16 and machine().bf16 else None


class OneDnnLinear:
    """A matrix in oneDNN's layout."""

    def __init__(self, weight: OneDnnWeight, bias: Tensor | None) -> None:
        """``weight``: from ``pack_onednn``."""
        self.weight, self.bias = weight, bias

    def __call__(self, x: Tensor) -> Tensor:
        """See ``PackedLinear``."""
        return onednn_linear(x, self.weight, self.bias)

    def argmax(self, x: Tensor) -> Tensor:
        """See ``PackedLinear``."""
        return self(x).max(-1).indices  # argmax is slow in bfloat16


def _onednn(weight: Tensor, bias: Tensor | None) -> PackedLinear | None:
    packed = pack_onednn(weight, rows=_FEW_ROWS)
    return None if packed is None else OneDnnLinear(packed, bias)


class FbgemmLinear:
    """A half-precision matrix in FBGEMM's layout, in parts of consecutive rows."""

    def __init__(self, parts: Sequence[FbgemmWeight], rows: int, bias: Tensor | None) -> None:
        """``parts``: from ``pack_fbgemm_fp16``, ``rows`` rows each (the last may have fewer)."""
        self.parts, self.rows, self.bias = parts, rows, bias

    def _products(self, x: Tensor) -> list[Tensor]:
        products = [fbgemm_linear(x, part) for part in self.parts]
        if self.bias is None:
            return products
        return [product + bias for product, bias in zip(products, torch.split(self.bias, self.rows), strict=True)]

    def __call__(self, x: Tensor) -> Tensor:
        """See ``PackedLinear``."""
        products = self._products(x)
        return products[0] if len(products) == 1 else torch.cat(products, -1)

    def argmax(self, x: Tensor) -> Tensor:
        """See ``PackedLinear``; part by part, since concatenating them costs as much again."""
        maxima = [product.max(-1) for product in self._products(x)]
        part = torch.stack([maximum.values for maximum in maxima]).max(0).indices
        inside = torch.stack([maximum.indices for maximum in maxima]).gather(0, part[None])[0]
        return part * self.rows + inside


def _fbgemm(weight: Tensor, bias: Tensor | None) -> PackedLinear | None:
    if not all(torch.equal(rows.half().float(), rows) for rows in torch.split(weight, _CHECKED_ROWS)):
        return None
    rows = -(-len(weight) // cores()) if len(weight) > _LARGE else len(weight)
    parts = torch.split(weight, rows)
    with ThreadPoolExecutor(len(parts)) as threads:
        packed = [part for part in threads.map(pack_fbgemm_fp16, parts) if part is not None]
    return FbgemmLinear(packed, rows, bias) if len(packed) == len(parts) else None
