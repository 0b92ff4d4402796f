"""Cross-entropy over a large vocabulary in chunks, without ever holding all logits.

The logits of 4,096 tokens over a vocabulary of 8,000 are 131 MB, which a CPU would write and load a dozen times. Here
the logits of a few hundred tokens are computed at a time; their loss and gradient are computed while they are in the
cache.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

_LOGITS = 2_000_000
"""Logits computed at a time: 8 MB."""


def chunked_cross_entropy(hidden: Tensor, table: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
    """``cross_entropy(hidden @ table.T, targets, label_smoothing=smoothing)``, float32.

    Args:
        hidden: Input of the LM head, ``(n, width)``.
        table: Its weights, e.g. the tied embeddings, ``(vocabulary, width)``, of the same type.
        targets: Token ids, ``(n,)``.
        smoothing: Share of the target distribution spread evenly over the vocabulary (Szegedy et al. 2016).
    """
    return cast(Tensor, _ChunkedCrossEntropy.apply(hidden, table, targets, smoothing))  # type: ignore[no-untyped-call]


class _ChunkedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, table: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        needs_gradient = any(ctx.needs_input_grad[:2])
        count, vocabulary = len(hidden), len(table)
        loss = torch.zeros((), device=hidden.device)
        hidden_gradient = torch.empty_like(hidden) if needs_gradient else hidden
        table_gradient = torch.zeros(table.shape, device=table.device) if needs_gradient else table
        for start in range(0, count, max(1, _LOGITS // vocabulary)):
            chunk = slice(start, start + max(1, _LOGITS // vocabulary))
            logits = (hidden[chunk] @ table.T).float()
            logits -= logits.amax(1, keepdim=True)
            target = targets[chunk].unsqueeze(1)
            aimed = (1 - smoothing) * logits.gather(1, target).sum() + smoothing * logits.mean(1).sum()
            logits.exp_()
            total = logits.sum(1, keepdim=True)
            loss += total.log().sum() - aimed
            if needs_gradient:  # in place: softmax minus the target distribution
                logits.div_(total).sub_(smoothing / vocabulary)
                logits.scatter_add_(1, target, torch.full_like(target, smoothing - 1, dtype=logits.dtype))
                logits.div_(count)
                gradient = logits.to(hidden.dtype)
                hidden_gradient[chunk] = gradient @ table
                table_gradient += gradient.T @ hidden[chunk]
        ctx.save_for_backward(hidden_gradient, table_gradient.to(table.dtype))
        return loss / count

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        hidden_gradient, table_gradient = ctx.saved_tensors
        gradient = gradients[0]
        return (
            hidden_gradient * gradient.to(hidden_gradient.dtype),
            table_gradient * gradient.to(table_gradient.dtype),
            None,
            None,
        )
