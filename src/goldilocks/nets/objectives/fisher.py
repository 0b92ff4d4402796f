"""Diagonal of the Fisher information of a network's weights: how much each matters for some rows.

It is the empirical Fisher information: the mean over rows of the squared gradient of a row's loss with its right
answer, which every kind of output has. (The Fisher information proper takes answers drawn from the network.)

Source: Kirkpatrick et al. 2017, "Overcoming catastrophic forgetting in neural networks", section 2; on the ways to
compute it: van de Ven 2025, "On the Computation of the Fisher Information in Continual Learning".
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from goldilocks.nets.network import Network
from goldilocks.nets.tokenization.batching import padded
from goldilocks.records import Gold, Text


def fisher_diagonal(network: Network, texts: Sequence[Text], gold: Sequence[Gold]) -> dict[str, Tensor]:
    """Mean squared gradient of each trainable weight over rows, scaled so that the mean over all weights is 1.

    The scale makes a penalty comparable between networks, and with that of L2-SP: a gradient near 0 on rows that the
    network answers well would otherwise leave none. Dropout is off.

    Args:
        network: Prepared by its method; its weights do not change.
        texts: Rows it was trained on, at least one.
        gold: Their gold answers.

    Returns:
        Name of a trainable weight of ``network.module`` -> importance of its elements, of its shape, float32, at least
        0; all 1 where every gradient is 0.
    """
    weights = {name: weight for name, weight in network.module.named_parameters() if weight.requires_grad}
    sums = {name: torch.zeros_like(weight, dtype=torch.float32) for name, weight in weights.items()}
    network.module.eval()
    rows = network.rows_to_learn(texts, gold)
    targets = network.targets(rows, gold)
    for row, target in zip(rows, targets, strict=True):
        batch = padded([row], network.config.pad_id).to(network.device)
        loss = network.loss(network.backbone(batch), batch, [target])
        gradients = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
        for name, gradient in zip(weights, gradients, strict=True):
            if gradient is not None:
                sums[name] += gradient.float().square()
    count = sum(total.numel() for total in sums.values())
    mean = float(torch.stack([total.double().sum() for total in sums.values()]).sum()) / count
    if not mean > 0:
        return {name: torch.ones_like(total) for name, total in sums.items()}
    return {name: total / mean for name, total in sums.items()}
