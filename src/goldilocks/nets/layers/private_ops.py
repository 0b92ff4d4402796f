"""Private kernels of torch for linear layers with packed or quantised weights, and whether this torch has them.

torch promises nothing about these operators. So each is looked up by name and tried out when weights are packed: where
one is missing, refuses this processor or fails, packing returns ``None`` and the caller uses ``F.linear``. Nothing else
in the package calls a private operator.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NewType

import torch
from torch import Tensor

OneDnnWeight = NewType("OneDnnWeight", object)
FbgemmWeight = NewType("FbgemmWeight", object)
Int4Weight = NewType("Int4Weight", tuple[Tensor, Tensor])

_FAILURES = (RuntimeError, NotImplementedError, AttributeError, TypeError, ValueError)


def _operator(namespace: str, name: str) -> Callable[..., Any] | None:
    """``torch.ops.<namespace>.<name>``, where there is one."""
    operator: Callable[..., Any] | None = getattr(getattr(torch.ops, namespace), name, None)
    return operator


def pack_onednn(weight: Tensor, *, rows: int) -> OneDnnWeight | None:
    """A matrix ``(n_out, n_in)`` in oneDNN's blocked layout, chosen for products with ``rows`` rows."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return None
    reorder, linear = _operator("mkldnn", "_reorder_linear_weight"), _operator("mkldnn", "_linear_pointwise")
    if reorder is None or linear is None:
        return None
    try:
        packed = OneDnnWeight(reorder(weight, rows))
        onednn_linear(weight.new_zeros((1, weight.shape[1])), packed, None)
    except _FAILURES:
        return None
    return packed


def onednn_linear(x: Tensor, packed: OneDnnWeight, bias: Tensor | None) -> Tensor:
    """``F.linear`` with a matrix from ``pack_onednn``."""
    product: Tensor = torch.ops.mkldnn._linear_pointwise(x, packed, bias, "none", [], "")
    return product


def pack_fbgemm_fp16(weight: Tensor) -> FbgemmWeight | None:
    """A float32 matrix ``(n_out, n_in)`` as FBGEMM's half-precision matrix; products sum in float32.

    It rounds: the caller sees to it that every weight is a half-precision number.
    """
    if "fbgemm" not in torch.backends.quantized.supported_engines:
        return None
    prepack, linear = _operator("quantized", "linear_prepack_fp16"), _operator("quantized", "linear_dynamic_fp16")
    if prepack is None or linear is None:
        return None
    try:
        packed = FbgemmWeight(prepack(weight, None))
        fbgemm_linear(weight.new_zeros((1, weight.shape[1])), packed)
    except _FAILURES:
        return None
    return packed


def fbgemm_linear(x: Tensor, packed: FbgemmWeight) -> Tensor:
    """``F.linear`` with a matrix from ``pack_fbgemm_fp16``; no bias."""
    product: Tensor = torch.ops.quantized.linear_dynamic_fp16(x, packed)
    return product


def aligned(tensor: Tensor) -> Tensor:
    """The tensor at an address that is a multiple of 64, copied if need be.

    The int8 kernel of torch 2.13 ends the process with a segmentation fault where its input or its weights are not so
    aligned, as those in a safetensors file are not.
    """
    tensor = tensor.contiguous()
    return tensor if tensor.data_ptr() % 64 == 0 else tensor.clone()


@cache
def has_int8_linear() -> bool:
    """Whether ``int8_linear`` works here."""
    if _operator("aten", "_weight_int8pack_mm") is None:
        return False
    try:
        int8_linear(torch.zeros(1, 32).bfloat16(), torch.zeros(16, 32, dtype=torch.int8), torch.ones(16).bfloat16())
    except _FAILURES:
        return False
    return True


def int8_linear(x: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    """``x (n, n_in)`` by an int8 matrix ``(n_out, n_in)`` with a scale for each of its rows, in bfloat16."""
    product: Tensor = torch.ops.aten._weight_int8pack_mm(aligned(x), aligned(weight), scale)
    return product


def pack_int4(numbers: Tensor, scale: Tensor, zero: Tensor, group: int) -> Int4Weight | None:
    """A 4-bit matrix in the CPU kernel's layout, checked against its dequantised form; ``None``: no such kernel.

    Args:
        numbers: ``(n_out, n_in)``, 0 to 15; 8 stands for the zero point.
        scale: ``(n_out, n_in / group)``.
        zero: Zero points, ``(n_out, n_in / group)``.
        group: Weights that share a scale.
    """
    convert = _operator("aten", "_convert_weight_to_int4pack_for_cpu")
    if convert is None or _operator("aten", "_weight_int4pack_mm_for_cpu") is None:
        return None
    pairs = torch.stack([scale.T, zero.T], -1).bfloat16().contiguous()
    try:
        packed = Int4Weight((convert(numbers.int(), 2), pairs))
        first = torch.zeros(1, numbers.shape[1]).bfloat16()
        first[0, 0] = 1
        column = int4_linear(first, packed, group)[0].float()
    except _FAILURES:
        return None
    expected = (numbers[:, 0].float() - 8) * scale[:, 0].float() + zero[:, 0].float()
    nearly = 0.05 * scale[:, 0].float().abs() + 0.01 * expected.abs() + 1e-6
    return packed if bool(((column - expected).abs() <= nearly).all()) else None


def int4_linear(x: Tensor, packed: Int4Weight, group: int) -> Tensor:
    """``x (n, n_in)`` by a matrix from ``pack_int4``, in bfloat16."""
    product: Tensor = torch.ops.aten._weight_int4pack_mm_for_cpu(aligned(x), packed[0], group, packed[1])
    return product
