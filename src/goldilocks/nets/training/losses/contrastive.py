"""Supervised contrastive loss: items of a label are pulled together, others pushed apart, within a batch.

Source: Khosla et al. 2020, "Supervised Contrastive Learning", equation 2; for fine-tuning Gunel et al. 2021,
"Supervised Contrastive Learning for Pre-trained Language Model Fine-tuning".
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812


def supervised_contrastive(vectors: Tensor, targets: Tensor, temperature: float) -> Tensor:
    """Mean loss over the items that have another item of their label in the batch; 0 where none has.

    Args:
        vectors: ``(n_items, width)``; only their directions count.
        targets: Label of each item, ``(n_items,)``.
        temperature: Temperature of the softmax over the other items; above 0.
    """
    unit = F.normalize(vectors, dim=-1)
    itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    similar = (unit @ unit.T / temperature).masked_fill(itself, float("-inf"))
    log_shares = similar - similar.logsumexp(1, keepdim=True)
    same = (targets[:, None] == targets[None, :]) & ~itself
    n_same = same.sum(1)
    losses = -log_shares.masked_fill(~same, 0.0).sum(1) / n_same.clamp(min=1)
    paired = n_same > 0
    return losses[paired].mean() if bool(paired.any()) else vectors.sum() * 0.0
