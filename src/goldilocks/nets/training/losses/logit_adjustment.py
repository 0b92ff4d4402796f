"""Logit adjustment: the log prior of each class is added to its score in the training loss.

Source: Menon et al. 2021, "Long-tail Learning via Logit Adjustment", equation 10: a classifier that is trained with it
and answers without it minimises the balanced error.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def prior_offsets(targets: Sequence[int], n_labels: int, tau: float) -> Tensor:
    """What is added to the scores, ``(n_labels,)``: tau times the log share of each label among the training rows.

    Labels without a row count as half a row, so that the result is finite.

    Example:
        >>> prior_offsets([0, 0, 0, 1], 2, 1.0).exp()
        tensor([0.7500, 0.2500])
    """
    counts = torch.bincount(torch.as_tensor(targets), minlength=n_labels).float().clamp(min=0.5)
    return tau * (counts / len(targets)).log()
