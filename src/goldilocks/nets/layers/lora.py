"""LoRA: low-rank adapters of linear layers; W is frozen, the product of two thin matrices beside it is trained.

Ours rather than peft's: importing peft (and with it transformers) takes 5 s, this takes none, and merging is a sum.

Source: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models".
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class LoraLinear(nn.Module):
    """``base(x) + alpha / rank · up(down(x))``. Starts as ``base``: ``up`` is zero."""

    def __init__(self, base: nn.Module, *, rank: int, alpha: float) -> None:
        """Wrap and freeze ``base``: a linear layer, or a ``Conv1D`` of GPT-2, whose matrix is transposed."""
        super().__init__()
        self.base = base.requires_grad_(False)
        self.scale = alpha / rank
        like = self.weight
        self.across = not isinstance(base, nn.Linear)
        inputs, outputs = like.shape if self.across else reversed(like.shape)
        self.down = nn.Parameter(torch.empty(rank, inputs, dtype=like.dtype, device=like.device))
        self.up = nn.Parameter(torch.zeros(outputs, rank, dtype=like.dtype, device=like.device))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    @property
    def weight(self) -> Tensor:
        """The frozen matrix (some models ask a layer for its weight's type)."""
        return self.base.get_parameter("weight")

    def forward(self, inputs: Tensor) -> Tensor:
        """``(..., in)`` -> ``(..., out)``."""
        thin = F.linear(inputs, self.down)
        outputs: Tensor = self.base(inputs) + F.linear(thin, self.up) * self.scale
        return outputs

    def merged(self) -> nn.Module:
        """The same function as one layer; ``base`` is changed in place."""
        with torch.no_grad():
            delta = self.scale * (self.up @ self.down)
            self.weight.add_(delta.T if self.across else delta)
        return self.base


def add(module: nn.Module, names: list[str], *, rank: int, alpha: float) -> int:
    """Wrap the linear layers among ``names`` (submodules of ``module``) and return their number."""
    count = 0
    for name in names:
        layer = module.get_submodule(name)
        if isinstance(layer, nn.Linear) or _conv1d(layer):
            _replace(module, name, LoraLinear(layer, rank=rank, alpha=alpha))
            count += 1
    return count


def _conv1d(layer: nn.Module) -> bool:
    """Whether a layer is transformers' ``Conv1D`` (GPT-2); by its name, so that transformers is not imported."""
    return type(layer).__name__ == "Conv1D" and type(layer).__module__ == "transformers.pytorch_utils"


def merge(module: nn.Module) -> None:
    """Put plain linear layers back wherever ``add`` wrapped them."""
    wrapped = [(name, layer) for name, layer in module.named_modules() if isinstance(layer, LoraLinear)]
    for name, layer in wrapped:
        _replace(module, name, layer.merged())


def _replace(module: nn.Module, name: str, new: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(module.get_submodule(parent), child, new)
