"""Distillation from another model's probabilities: soft targets in addition to the gold labels.

Source: Hinton et al. 2015, "Distilling the Knowledge in a Neural Network". (``distillation.py`` next to
this module distils between two networks without labels, hidden states included.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from goldilocks.nets.network import LOSS_OPTIONS, Network
from goldilocks.nets.tokenization.batching import Batch, Row
from goldilocks.records import Gold

_MIN = 1e-6
"""Probabilities are at least this, so that their logarithms are finite."""


class SoftTargets:
    """The network's own loss, mixed with its distance to a teacher's softened probabilities."""

    loss_options: frozenset[str] = LOSS_OPTIONS - {"logit_adjustment"} | {"unlabelled_loss"}
    """See ``tuning.objective.SupportsLossOptions``. The teacher has the priors that logit adjustment would remove."""

    def __init__(
        self,
        network: Network,
        gold: Sequence[Gold],
        probabilities: npt.NDArray[np.floating],
        *,
        weight: float,
        temperature: float,
    ) -> None:
        """Keep what the teacher says.

        Args:
            network: The student.
            gold: Gold answers of the training items; none where the teacher alone is learnt from (``weight`` 1).
            probabilities: The teacher's, ``(n_texts, n_labels)``, in the order of the student's labels; those that only
                the student has come after the teacher's and are not compared.
            weight: Weight of the teacher, 0 to 1; the right labels have the rest.
            temperature: Both distributions are softened by it.
        """
        self._network, self._gold = network, gold
        self._weight, self._temperature = weight, temperature
        self._several = network.config.several
        self._alone = weight >= 1 and not len(gold)
        if self._alone:
            self.loss_options = frozenset()  # there is no loss of gold answers
        chances = torch.from_numpy(np.clip(np.asarray(probabilities, dtype=np.float32), _MIN, 1 - _MIN))
        self._logits = torch.logit(chances) if self._several else chances.log()

    def targets(self, rows: Sequence[Row]) -> list[Any]:
        """The own target of each row, and the number of its item."""
        gold_targets = [None] * len(rows) if self._alone else self._network.targets(rows, self._gold)
        return [(target, row.item) for target, row in zip(gold_targets, rows, strict=True)]

    def loss(self, network: Network, batch: Batch, targets: Sequence[Any]) -> Tensor:
        """See ``tuning.objective.Objective``."""
        pooled = network.pool(network.backbone(batch), batch)
        teacher_logits = self._logits[[item for _, item in targets]].to(pooled.device)
        scores = network.score_pooled(pooled)[:, : teacher_logits.shape[1]]
        if self._alone:
            return self._distance(scores, teacher_logits)
        gold_loss = network.loss_pooled(pooled, [target for target, _ in targets])
        return (1 - self._weight) * gold_loss + self._weight * self._distance(scores, teacher_logits)

    def _distance(self, scores: Tensor, teacher_logits: Tensor) -> Tensor:
        """Divergence from the teacher, times the squared temperature, so that gradients keep their size."""
        scores, teacher_logits = scores / self._temperature, teacher_logits / self._temperature
        if self._several:
            return self._temperature**2 * F.binary_cross_entropy_with_logits(scores, teacher_logits.sigmoid())
        theirs = teacher_logits.log_softmax(-1)
        return self._temperature**2 * F.kl_div(scores.log_softmax(-1), theirs, reduction="batchmean", log_target=True)
