"""Contrastive training of a classifier's backbone: texts of one label are pulled together, others pushed apart.

Every pair of texts in a batch is a training pair, so that memory does not grow with the number of pairs. A batch holds
a few texts of each of several labels. The loss is the squared error of the cosine similarity against 1 (the same label)
and 0, in which equal and different pairs weigh the same.

Source: Tunstall et al. 2022, "Efficient Few-Shot Learning Without Prompts" (SetFit), which draws the pairs one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from goldilocks.nets.network import Network
from goldilocks.nets.tokenization.batching import Batch, Row
from goldilocks.records import Gold, TrainingConfig

PER_LABEL = 4
"""Texts of a label in one batch."""


class ContrastiveObjective:
    """See ``tuning.objective.Objective`` and ``PlansBatches``."""

    def __init__(self, network: Network, gold: Sequence[Gold]) -> None:
        """``gold``: gold answers of the training items, single labels."""
        self._network, self._gold = network, gold

    def targets(self, rows: Sequence[Row]) -> list[Any]:
        """The number of each row's label."""
        return self._network.targets(rows, self._gold)

    def loss(self, network: Network, batch: Batch, targets: Sequence[Any]) -> Tensor:
        """Loss of all pairs in the batch."""
        pooled = network.pool(network.backbone(batch), batch)
        return pair_loss(pooled, torch.tensor(targets, device=pooled.device))

    def batches(self, epoch: int, targets: Sequence[Any], config: TrainingConfig, seed: int) -> list[list[int]]:
        """Every row once; ``PER_LABEL`` rows of a label are in one batch as far as there are as many."""
        rng = np.random.default_rng((seed, epoch))
        labels = np.asarray(targets)
        groups: list[list[int]] = []
        for label in np.unique(labels):
            members = rng.permutation(np.flatnonzero(labels == label)).tolist()
            groups += [members[start : start + PER_LABEL] for start in range(0, len(members), PER_LABEL)]
        order = [row for number in rng.permutation(len(groups)) for row in groups[number]]
        size = max(2, config.batch_rows)
        made = [order[start : start + size] for start in range(0, len(order), size)]
        if len(made) > 1 and len(made[-1]) < 2:  # a single row has no pair
            made[-2] += made.pop()
        return made


def pair_loss(vectors: Tensor, labels: Tensor) -> Tensor:
    """Squared error of the cosines of all pairs of ``(n, width)`` and ``(n,)``; both kinds of pair weigh the same."""
    vectors = F.normalize(vectors, dim=-1)
    first, second = torch.triu_indices(len(labels), len(labels), offset=1, device=vectors.device)
    cosines, same = (vectors @ vectors.T)[first, second], labels[first] == labels[second]
    errors = (cosines - same.to(cosines.dtype)).square()
    kinds = [errors[same], errors[~same]]
    means = [kind.mean() for kind in kinds if len(kind)]
    # A batch of one row has no pairs; its loss is zero, with a gradient.
    return torch.stack(means).mean() if means else vectors.sum() * 0.0
