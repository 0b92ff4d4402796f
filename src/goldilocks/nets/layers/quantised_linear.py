"""Weight-only quantisation: matrices in 8 or 4 bits, products in the activations' precision.

8 bits  symmetric, one scale for each output channel (row): weight = scale · q, q from -127 to 127
4 bits  one scale and one zero point for each group of 32 inputs, two weights a byte (the even one in the low half):
        weight = scale · (q - 8) + zero, q from 0 to 15; the same numbers as GGUF's Q4_1

At 4 bits a group's range from its lowest to its highest weight is shrunk by the factor of ``_FACTORS`` with the least
squared error. Scales and zero points are rounded to bfloat16 *before* weights are, so that computing in bfloat16 adds
no error of its own.

A few rows (a step of generation) go through torch's own CPU kernels where they exist, which read the small weights
only; for more rows the matrix is dequantised, a part at a time, and multiplied as usual: there arithmetic dominates.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from goldilocks.nets.layers.private_ops import Int4Weight, aligned, has_int8_linear, int4_linear, int8_linear, pack_int4

GROUP = 32
"""Weights of a row that share a scale at 4 bits."""
_FEW_ROWS = 16
"""Rows up to which the kernels beat dequantising, measured on a Xeon with AMX (1,536 x 576 and 49,152 x 576)."""
_PART = 32_768
"""Output channels that are dequantised at a time."""
_FACTORS = (1.0, 0.95, 0.9, 0.85, 0.8)


class QuantisedMatrix(nn.Module):
    """A matrix ``(n_out, n_in)`` in 8 or 4 bits; products, and dequantised rows."""

    weight: Tensor
    scale: Tensor
    zero: Tensor | None

    def __init__(self, n_out: int, n_in: int, bits: int) -> None:
        """Without weights, for ``fill`` or ``load_state_dict``."""
        super().__init__()
        self.n_out, self.n_in, self.bits = n_out, n_in, bits
        shape, dtype = ((n_out, n_in), torch.int8) if bits == 8 else ((n_out, n_in // 2), torch.uint8)
        self.register_buffer("weight", torch.empty(shape, dtype=dtype))
        self.register_buffer("scale", torch.empty((n_out, 1 if bits == 8 else n_in // GROUP), dtype=torch.bfloat16))
        self.register_buffer("zero", None if bits == 8 else torch.empty_like(self.scale))
        self._packed: Int4Weight | None = None

    @property
    def num_embeddings(self) -> int:
        """Rows, as ``nn.Embedding`` calls them."""
        return self.n_out

    def fill(self, matrix: Tensor) -> None:
        """Quantise a matrix of this shape."""
        for start in range(0, self.n_out, _PART):
            rows = slice(start, start + _PART)
            exact = matrix[rows].detach().float()
            if self.zero is None:
                self.weight[rows], self.scale[rows] = _quantised8(exact)
            else:
                self.weight[rows], self.scale[rows], self.zero[rows] = _quantised4(exact)

    def rows(self, index: Tensor | slice, dtype: torch.dtype) -> Tensor:
        """Dequantised rows, ``(..., n_in)``."""
        weight, scale = self.weight[index], self.scale[index].to(dtype)
        if self.zero is None:
            return weight.to(dtype) * scale
        halves = torch.stack([weight & 15, weight >> 4], -1).flatten(-2).to(dtype) - 8
        zero = self.zero[index].to(dtype).unsqueeze(-1)
        return (halves.view(*scale.shape, GROUP) * scale.unsqueeze(-1) + zero).flatten(-2)

    def product(self, x: Tensor) -> Tensor:
        """``F.linear`` of ``(..., n_in)``, in the precision of ``x``."""
        flat = x.reshape(-1, self.n_in)
        few = len(flat) <= _FEW_ROWS and x.dtype == torch.bfloat16 and x.device.type == "cpu"
        y = self._by_kernel(flat) if few else None
        if y is None:
            parts = [F.linear(flat, self.rows(slice(at, at + _PART), x.dtype)) for at in range(0, self.n_out, _PART)]
            y = parts[0] if len(parts) == 1 else torch.cat(parts, -1)
        return y.view(*x.shape[:-1], self.n_out)

    def _by_kernel(self, x: Tensor) -> Tensor | None:
        if self.bits == 8:
            return int8_linear(x, self.weight, self.scale[:, 0].to(x.dtype)) if has_int8_linear() else None
        return None if self._packed is None else int4_linear(x, self._packed, GROUP)

    def prepare_for_inference(self) -> None:
        """Align 8-bit weights, and keep 4-bit ones in the kernel's layout too; they must not change after this."""
        self.weight = aligned(self.weight)
        if self.zero is not None and self._packed is None and self.weight.device.type == "cpu":
            numbers = torch.stack([self.weight & 15, self.weight >> 4], -1).flatten(-2)
            self._packed = pack_int4(numbers, self.scale, self.zero, GROUP)


def _quantised8(matrix: Tensor) -> tuple[Tensor, Tensor]:
    scale = (matrix.abs().amax(1, keepdim=True) / 127).bfloat16()
    return (matrix / _divisor(scale)).round().clamp(-127, 127).to(torch.int8), scale


def _quantised4(matrix: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    groups = matrix.reshape(len(matrix), -1, GROUP)
    low, high = groups.amin(2, keepdim=True), groups.amax(2, keepdim=True)
    lowest_error, best = torch.full_like(low, torch.inf), torch.empty_like(groups)
    scales, zeros = torch.empty_like(low), torch.empty_like(low)
    for factor in _FACTORS:
        scale = ((high - low) / 15 * factor).bfloat16().float()
        zero = ((high + low) / 2 + scale / 2).bfloat16().float()  # what q = 8 stands for; the middle is at 7.5
        numbers = ((groups - zero) / _divisor(scale)).round().clamp(-8, 7)
        error = (numbers * scale + zero - groups).square().sum(2, keepdim=True)
        better = error < lowest_error
        lowest_error, best = torch.where(better, error, lowest_error), torch.where(better, numbers, best)
        scales, zeros = torch.where(better, scale, scales), torch.where(better, zero, zeros)
    numbers = (best.flatten(1) + 8).to(torch.uint8)
    return numbers[:, 0::2] | (numbers[:, 1::2] << 4), scales.squeeze(2).bfloat16(), zeros.squeeze(2).bfloat16()


def _divisor(scale: Tensor) -> Tensor:
    """The scale; 1 where it is 0, as all weights are."""
    return torch.where(scale == 0, 1, scale).float()


class QuantisedLinear(QuantisedMatrix):
    """``nn.Linear`` for inference."""

    bias: Tensor | None

    def __init__(self, n_out: int, n_in: int, bits: int, bias: bool = False) -> None:
        """Without weights; see ``QuantisedMatrix``."""
        super().__init__(n_out, n_in, bits)
        self.register_buffer("bias", torch.zeros(n_out) if bias else None)

    def forward(self, x: Tensor) -> Tensor:
        """``(..., n_in)`` -> ``(..., n_out)``."""
        y = self.product(x)
        return y if self.bias is None else y + self.bias.to(y.dtype)


class QuantisedEmbedding(QuantisedMatrix):
    """``nn.Embedding`` for inference, which may be the LM head too (``product``)."""

    def forward(self, ids: Tensor) -> Tensor:
        """Ids of any shape -> vectors, one dimension more, in the precision of the scales."""
        return self.rows(ids, self.scale.dtype)
