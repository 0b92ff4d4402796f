"""LoRA and DoRA: W is frozen, the product of two thin matrices is trained and added to it.

Source: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models"; scale alpha / sqrt(rank): Kalajdzievski
2023, "A Rank Stabilization Scaling Factor for Fine-Tuning with LoRA"; magnitudes trained separately: Liu et al. 2024,
"DoRA: Weight-Decomposed Low-Rank Adaptation".
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from goldilocks.nets.layers import wrapped_linear
from goldilocks.nets.layers.wrapped_linear import WrappedLinear
from goldilocks.nets.layers.wrapped_linear import merge as merge


class LoraLinear(WrappedLinear):
    """``base(x) + scale · up(down(x))``. Starts as ``base``: ``up`` is zero."""

    def __init__(self, base: nn.Module, *, rank: int, alpha: float, rank_stabilised: bool = False) -> None:
        """Wrap and freeze ``base``.

        Args:
            base: The layer.
            rank: Rank of the addition.
            alpha: The scale is alpha / rank.
            rank_stabilised: The scale is alpha / sqrt(rank), with which higher ranks learn as fast as lower ones.
        """
        super().__init__(base)
        self.scale = alpha / (math.sqrt(rank) if rank_stabilised else rank)
        like = self.weight
        self.down = nn.Parameter(torch.empty(rank, self.inputs, dtype=like.dtype, device=like.device))
        self.up = nn.Parameter(torch.zeros(self.outputs, rank, dtype=like.dtype, device=like.device))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, inputs: Tensor) -> Tensor:
        """``(..., in)`` -> ``(..., out)``."""
        thin = F.linear(inputs, self.down)
        outputs: Tensor = self.base(inputs) + F.linear(thin, self.up) * self.scale
        return outputs

    def merged(self) -> nn.Module:
        """See ``WrappedLinear.merged``."""
        with torch.no_grad():
            delta = self.scale * (self.up @ self.down)
            self.weight.add_(delta.T if self.transposed else delta)
        return self.base


class DoraLinear(LoraLinear):
    """``magnitude · (W + scale · up down) / norm``, row by row: direction and magnitude of each output are trained
    separately.

    The norm counts as a constant in the gradient (section 4.3 of the paper), which saves memory at no loss of score.
    """

    def __init__(self, base: nn.Module, *, rank: int, alpha: float, rank_stabilised: bool = False) -> None:
        """See ``LoraLinear``; the magnitudes start as the norms of the rows of W."""
        super().__init__(base, rank=rank, alpha=alpha, rank_stabilised=rank_stabilised)
        self.magnitude = nn.Parameter(self._norms())

    def _norms(self) -> Tensor:
        """Norm of each row of the adapted matrix, ``(out,)``."""
        with torch.no_grad():
            weight = self.weight.T if self.transposed else self.weight
            norms: Tensor = (weight + self.scale * (self.up @ self.down)).norm(dim=1)
            return norms.clamp(min=torch.finfo(norms.dtype).tiny)

    def forward(self, inputs: Tensor) -> Tensor:
        """``(..., in)`` -> ``(..., out)``."""
        weight = self.weight.T if self.transposed else self.weight
        turned = F.linear(inputs, weight) + F.linear(F.linear(inputs, self.down), self.up) * self.scale
        outputs = turned * (self.magnitude / self._norms())
        return outputs if self.bias is None else outputs + self.bias

    def merged(self) -> nn.Module:
        """See ``WrappedLinear.merged``."""
        factor = (self.magnitude / self._norms()).detach()
        super().merged()
        with torch.no_grad():
            self.weight.mul_(factor[None, :] if self.transposed else factor[:, None])
        return self.base


def add(module: nn.Module, names: list[str], *, rank: int, alpha: float) -> int:
    """Wrap the linear layers among ``names`` (submodules of ``module``) and return their number."""
    return wrapped_linear.wrap(module, names, lambda _, layer: LoraLinear(layer, rank=rank, alpha=alpha))
