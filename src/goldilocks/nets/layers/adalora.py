"""AdaLoRA's layer: the low-rank addition in the form of an SVD, W + alpha / rank · P diag(Λ) Q.

A penalty keeps the columns of P and the rows of Q orthonormal; ``nets/objectives/adalora.py`` prunes singular values.

Source: Zhang et al. 2023, "AdaLoRA: Adaptive Budget Allocation for Parameter-Efficient Fine-Tuning". As in the authors'
code the penalty is the Frobenius norm, not its square.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from goldilocks.nets.layers.wrapped_linear import WrappedLinear


class AdaLoraLinear(WrappedLinear):
    """``base(x) + alpha / rank · left (values · (right x))``. Starts as ``base``: the singular values are zero."""

    def __init__(self, base: nn.Module, *, rank: int, alpha: float) -> None:
        """Wrap and freeze ``base``; ``rank`` is that before pruning."""
        super().__init__(base)
        self.scale = alpha / rank
        like = self.weight
        self.left = nn.Parameter(torch.empty(self.outputs, rank, dtype=like.dtype, device=like.device))
        self.values = nn.Parameter(torch.zeros(rank, dtype=like.dtype, device=like.device))
        self.right = nn.Parameter(torch.empty(rank, self.inputs, dtype=like.dtype, device=like.device))
        nn.init.normal_(self.left, std=0.02)
        nn.init.normal_(self.right, std=0.02)

    def forward(self, inputs: Tensor) -> Tensor:
        """``(..., in)`` -> ``(..., out)``."""
        thin = F.linear(inputs, self.right) * self.values
        outputs: Tensor = self.base(inputs) + F.linear(thin, self.left) * self.scale
        return outputs

    def penalty(self) -> Tensor:
        """How far ``left`` and ``right`` are from orthonormal: the sum of two Frobenius norms."""
        identity = torch.eye(len(self.values), dtype=torch.float32, device=self.left.device)
        left, right = self.left.float(), self.right.float()
        penalty: Tensor = (left.T @ left - identity).norm() + (right @ right.T - identity).norm()
        return penalty

    def merged(self) -> nn.Module:
        """See ``WrappedLinear.merged``."""
        with torch.no_grad():
            delta = self.scale * (self.left @ (self.values[:, None] * self.right))
            self.weight.add_(delta.T if self.transposed else delta)
        return self.base
