"""Activation functions of feed-forward layers, by their names in Hub configurations."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F  # noqa: N812


def _gelu_tanh(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh")


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "relu": F.relu,
    "gelu_new": _gelu_tanh,
    "gelu_pytorch_tanh": _gelu_tanh,
    "silu": F.silu,
}
"""Name in ``config.json`` -> function. Source of the approximation of GELU: Hendrycks and Gimpel 2016, "Gaussian Error
Linear Units"."""
