"""Linear layers with weights packed for inference on this processor."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import torch
from torch import Tensor

from goldilocks.support.machine.hardware import cores


class Product(Protocol):
    """``F.linear`` with a matrix that does not change any more."""

    def __call__(self, x: Tensor) -> Tensor:
        """``(..., n_in)`` -> ``(..., n_out)``."""

    def highest(self, x: Tensor) -> Tensor:
        """Number of the output that is highest, ``(..., n_in)`` -> ``(...)``."""


_FEW = 8
"""Rows the order is chosen for: a step of generation reads one token for each of a few texts."""


_LOOK = 512
"""Rows of a matrix that are looked at at a time."""


_LARGE = 32_768
"""Rows from which a matrix is put into another order in parts, by all cores: word tables."""


def packed(weight: Tensor, bias: Tensor | None, *, steps: bool = True) -> Product | None:
    """The fastest product with this matrix for few rows, the same but for the order of its sums; ``None``: F.linear.

    bfloat16    oneDNN's order, where the processor multiplies bfloat16. A plain product puts the matrix into that order
                anew each time, which for few rows costs as much as the product.
    float32     FBGEMM's half-precision matrix with float32 sums, where every weight *is* a half-precision number, as
                nearly all that were kept in bfloat16 are: half the bytes to read, and made for few rows. Else oneDNN's.

    Args:
        weight: ``(n_out, n_in)``.
        bias: ``(n_out,)``.
        steps: Whether texts will be written token by token. FBGEMM's order takes seconds for 100 million weights (each
            core takes a part), which pays after some 50 steps; for a look at whole texts float32 stays as it is.
    """
    if weight.device.type != "cpu":
        return None
    if weight.dtype == torch.float32 and steps:
        return _halved(weight.detach(), bias) or _reordered(weight, bias)
    from goldilocks.support.machine.hardware import machine

    return _reordered(weight, bias) if weight.dtype == torch.bfloat16 and machine().bf16 else None


class _Reordered:
    """A matrix in oneDNN's order."""

    def __init__(self, matrix: Tensor, bias: Tensor | None) -> None:
        self.matrix, self.bias = matrix, bias

    def __call__(self, x: Tensor) -> Tensor:
        product: Tensor = torch.ops.mkldnn._linear_pointwise(x, self.matrix, self.bias, "none", [], "")
        return product

    def highest(self, x: Tensor) -> Tensor:
        return self(x).max(-1).indices  # argmax is slow in bfloat16


def _reordered(weight: Tensor, bias: Tensor | None) -> Product | None:
    there: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not (there and hasattr(torch.ops.mkldnn, "_linear_pointwise")):
        return None
    return _Reordered(torch.ops.mkldnn._reorder_linear_weight(weight.detach(), _FEW), bias)


class _Halved:
    """A matrix in FBGEMM's order, in parts that lie below each other."""

    def __init__(self, parts: Sequence[object], rows: int, bias: Tensor | None) -> None:
        self.parts, self.rows, self.bias = parts, rows, bias

    def _products(self, x: Tensor) -> list[Tensor]:
        found: list[Tensor] = [torch.ops.quantized.linear_dynamic_fp16(x, one) for one in self.parts]
        if self.bias is None:
            return found
        return [one + bias for one, bias in zip(found, torch.split(self.bias, self.rows), strict=True)]

    def __call__(self, x: Tensor) -> Tensor:
        found = self._products(x)
        return found[0] if len(found) == 1 else torch.cat(found, -1)

    def highest(self, x: Tensor) -> Tensor:
        tops = [one.max(-1) for one in self._products(x)]  # of each part: putting them together costs as much again
        part = torch.stack([one.values for one in tops]).max(0).indices
        inside = torch.stack([one.indices for one in tops]).gather(0, part[None])[0]
        return part * self.rows + inside


def _halved(weight: Tensor, bias: Tensor | None) -> Product | None:
    if "fbgemm" not in torch.backends.quantized.supported_engines:
        return None
    if not all(torch.equal(one.half().float(), one) for one in torch.split(weight, _LOOK)):
        return None
    rows = -(-len(weight) // cores()) if len(weight) > _LARGE else len(weight)
    parts = torch.split(weight, rows)
    with ThreadPoolExecutor(len(parts)) as threads:
        made = list(threads.map(lambda one: torch.ops.quantized.linear_prepack_fp16(one, None), parts))
    return _Halved(made, rows, bias)
