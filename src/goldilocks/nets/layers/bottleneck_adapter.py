"""Bottleneck adapters: a small two-layer network with a skip connection after a frozen linear layer.

Source: Houlsby et al. 2019, "Parameter-Efficient Transfer Learning for NLP".
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from goldilocks.nets.layers.wrapped_linear import WrappedLinear


class BottleneckAdapter(WrappedLinear):
    """``h + up(gelu(down(h)))`` with ``h = base(x)``. Starts as ``base``: ``up`` is zero. Cannot be merged."""

    mergeable = False

    def __init__(self, base: nn.Module, *, width: int) -> None:
        """Wrap and freeze ``base``; ``width`` is that of the bottleneck."""
        super().__init__(base)
        like = self.weight
        self.down = nn.Linear(self.outputs, width, dtype=like.dtype, device=like.device)
        self.up = nn.Linear(width, self.outputs, dtype=like.dtype, device=like.device)
        nn.init.normal_(self.down.weight, std=0.02)
        for start in (self.down.bias, self.up.weight, self.up.bias):
            nn.init.zeros_(start)

    def forward(self, inputs: Tensor) -> Tensor:
        """``(..., in)`` -> ``(..., out)``."""
        hidden: Tensor = self.base(inputs)
        adapted: Tensor = hidden + self.up(F.gelu(self.down(hidden)))
        return adapted

    def merged(self) -> nn.Module:
        """Never: between the two layers is a GELU."""
        raise NotImplementedError


def default_width(width: int) -> int:
    """An eighth of the hidden width, at least 8.

    Example:
        >>> default_width(384), default_width(32)
        (48, 8)
    """
    return max(8, width // 8)
