"""Cross entropy over a large vocabulary without ever holding all its scores.

The scores of 4,096 tokens over 8,000 pieces are 131 MB, which a CPU would write and read a dozen times. Here a few
hundred tokens are scored at a time; their loss and their gradient are computed while the scores are in the cache.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

_SCORES = 2_000_000
"""Scores computed at a time: 8 MB."""


def smoothed_loss(hidden: Tensor, table: Tensor, wanted: Tensor, smoothing: float = 0.0) -> Tensor:
    """``cross_entropy(hidden @ table.T, wanted, label_smoothing=smoothing)``, float32.

    Args:
        hidden: ``(n, width)``.
        table: ``(vocabulary, width)``, of the same type.
        wanted: ``(n,)``.
        smoothing: Share of the target spread evenly over the vocabulary (Szegedy et al. 2016).
    """
    return cast(Tensor, _SmoothedLoss.apply(hidden, table, wanted, smoothing))  # type: ignore[no-untyped-call]


class _SmoothedLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, table: Tensor, wanted: Tensor, smoothing: float) -> Tensor:
        learning = any(ctx.needs_input_grad[:2])
        count, vocabulary = len(hidden), len(table)
        loss = torch.zeros((), device=hidden.device)
        to_hidden = torch.empty_like(hidden) if learning else hidden
        to_table = torch.zeros(table.shape, device=table.device) if learning else table
        for start in range(0, count, max(1, _SCORES // vocabulary)):
            part = slice(start, start + max(1, _SCORES // vocabulary))
            scores = (hidden[part] @ table.T).float()
            scores -= scores.amax(1, keepdim=True)
            right = wanted[part].unsqueeze(1)
            aimed = (1 - smoothing) * scores.gather(1, right).sum() + smoothing * scores.mean(1).sum()
            scores.exp_()
            total = scores.sum(1, keepdim=True)
            loss += total.log().sum() - aimed
            if learning:  # the scores become their own gradient: softmax less what was wanted
                scores.div_(total).sub_(smoothing / vocabulary)
                scores.scatter_add_(1, right, torch.full_like(right, smoothing - 1, dtype=scores.dtype))
                scores.div_(count)
                gradient = scores.to(hidden.dtype)
                to_hidden[part] = gradient @ table
                to_table += gradient.T @ hidden[part]
        ctx.save_for_backward(to_hidden, to_table.to(table.dtype))
        return loss / count

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        to_hidden, to_table = ctx.saved_tensors
        gradient = gradients[0]
        return to_hidden * gradient.to(to_hidden.dtype), to_table * gradient.to(to_table.dtype), None, None
