"""Private kernels of torch for linear layers with packed weights (oneDNN, FBGEMM), and whether this torch has them.

torch promises nothing about these operators. So each is looked up by name and tried out when weights are packed: where
one is missing, refuses this processor or fails, packing returns ``None`` and the caller uses ``F.linear``. Nothing else
in the package calls a private operator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NewType

import torch
from torch import Tensor

OneDnnWeight = NewType("OneDnnWeight", object)
FbgemmWeight = NewType("FbgemmWeight", object)

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
