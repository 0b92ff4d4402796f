"""Balanced class weights: a class counts in inverse proportion to its rows.

Source: King and Zeng 2001, "Logistic Regression in Rare Events Data"; scikit-learn's ``class_weight="balanced"``.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def balanced_weights(targets: Sequence[int], n_labels: int) -> Tensor:
    """Weight of each label, ``(n_labels,)``: rows / (labels with rows * rows of the label); their mean over rows is 1.

    Example:
        >>> balanced_weights([0, 0, 0, 1], 2).round(decimals=4)
        tensor([0.6667, 2.0000])
    """
    counts = torch.bincount(torch.as_tensor(targets), minlength=n_labels).float()
    present = counts > 0
    return torch.where(present, len(targets) / (present.sum() * counts.clamp(min=1)), torch.zeros(()))
