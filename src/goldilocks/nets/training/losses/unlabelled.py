"""Losses on unlabelled items: pseudo-labels and consistency training, both behind a confidence gate.

Sources: Lee 2013, "Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method for Deep Neural Networks";
the gate of Sohn et al. 2020, "FixMatch"; consistency as in Xie et al. 2020, "Unsupervised Data Augmentation for
Consistency Training", equation 1 with confidence-based masking.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from goldilocks.records import UnlabelledLoss


def unlabelled_loss(kind: UnlabelledLoss, given: Tensor, scores: Tensor, confidence: float) -> Tensor:
    """Mean loss over the items; one that is predicted with less than ``confidence`` counts 0.

    Args:
        kind: ``pseudo_labels``: cross entropy with the most probable label; ``consistency``: divergence from the
            predicted distribution.
        given: Scores of the items that labels or distributions are taken from, ``(n_items, n_labels)``; no gradient
            reaches them.
        scores: Scores that are trained: of the same items, or of varied copies of them.
        confidence: From 0 (all count) to 1.
    """
    with torch.no_grad():
        target = given.softmax(-1)
        sure, labels = target.max(-1)
        counts = (sure >= confidence).float()
    if kind is UnlabelledLoss.PSEUDO_LABELS:
        losses = F.cross_entropy(scores, labels, reduction="none")
    else:
        losses = F.kl_div(scores.log_softmax(-1), target, reduction="none").sum(-1)
    return (losses * counts).mean()
