"""Focal loss: cross entropy weighted by ``(1 - p)^gamma``, p being the probability of the right class.

Source: Lin et al. 2017, "Focal Loss for Dense Object Detection", equation 4, for a softmax.
"""

from __future__ import annotations

from torch import Tensor


def focal_weights(log_probabilities: Tensor, targets: Tensor, gamma: float) -> Tensor:
    """Weight of each item's cross entropy, with gradients.

    Args:
        log_probabilities: ``(n_items, n_labels)``.
        targets: Label of each item, ``(n_items,)``.
        gamma: 0 weights all items alike.

    Example:
        >>> import torch
        >>> focal_weights(torch.tensor([[0.9, 0.1]]).log(), torch.tensor([0]), 2.0).round(decimals=4)
        tensor([0.0100])
    """
    right = log_probabilities.gather(1, targets[:, None])[:, 0].exp()
    return (1 - right).clamp(min=1e-6) ** gamma  # the derivative of 0^gamma is infinite for gamma below 1
