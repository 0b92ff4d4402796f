"""The loss of single-label classification, composed of the options of a training config."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from goldilocks.nets.training.losses.class_weights import balanced_weights
from goldilocks.nets.training.losses.contrastive import supervised_contrastive
from goldilocks.nets.training.losses.focal import focal_weights
from goldilocks.nets.training.losses.logit_adjustment import prior_offsets
from goldilocks.nets.training.losses.r_drop import symmetric_divergence
from goldilocks.records import ClassWeights, TrainingConfig


@dataclass(frozen=True, slots=True)
class Criterion:
    """Mean loss of a batch; as built, plain cross entropy."""

    label_smoothing: float = 0.0
    class_weights: Tensor | None = None
    """Weight of each label, ``(n_labels,)``."""
    offsets: Tensor | None = None
    """Added to the scores, ``(n_labels,)``: logit adjustment."""
    focal_gamma: float = 0.0
    r_drop: float = 0.0
    contrastive_weight: float = 0.0
    contrastive_temperature: float = 0.3

    def __call__(self, score: Callable[[], Tensor], targets: Tensor, vectors: Tensor | None = None) -> Tensor:
        """The loss, with gradients.

        Args:
            score: Gives the scores ``(n_items, n_labels)`` before softmax, with new dropout masks at each call.
            targets: Label of each item, ``(n_items,)``.
            vectors: ``(n_items, width)``; needed for the contrastive loss.
        """
        first = self._log_probabilities(score())
        loss = self._losses(first, targets).mean()
        if self.r_drop:
            second = self._log_probabilities(score())
            loss = (loss + self._losses(second, targets).mean()) / 2
            loss = loss + self.r_drop * symmetric_divergence(first, second).mean()
        if self.contrastive_weight and vectors is not None:
            pairs = supervised_contrastive(vectors, targets, self.contrastive_temperature)
            loss = (1 - self.contrastive_weight) * loss + self.contrastive_weight * pairs
        return loss

    def _log_probabilities(self, scores: Tensor) -> Tensor:
        return F.log_softmax(scores if self.offsets is None else scores + self.offsets.to(scores.device), dim=-1)

    def _losses(self, log_probabilities: Tensor, targets: Tensor) -> Tensor:
        right = log_probabilities.gather(1, targets[:, None])[:, 0]
        losses = -(1 - self.label_smoothing) * right
        if self.label_smoothing:
            losses = losses - self.label_smoothing * log_probabilities.mean(-1)
        if self.focal_gamma:
            losses = losses * focal_weights(log_probabilities, targets, self.focal_gamma)
        if self.class_weights is not None:
            losses = losses * self.class_weights.to(losses.device)[targets]
        return losses


def criterion_for(config: TrainingConfig, targets: Sequence[int], n_labels: int) -> Criterion:
    """The loss that a training config asks for.

    Args:
        config: The options.
        targets: Labels of all training rows (for weights and priors).
        n_labels: How many labels there are.
    """
    balanced = config.class_weights is ClassWeights.BALANCED
    return Criterion(
        label_smoothing=config.label_smoothing,
        class_weights=balanced_weights(targets, n_labels) if balanced else None,
        offsets=prior_offsets(targets, n_labels, config.logit_adjustment) if config.logit_adjustment else None,
        focal_gamma=config.focal_gamma,
        r_drop=config.r_drop,
        contrastive_weight=config.contrastive_weight,
        contrastive_temperature=config.contrastive_temperature,
    )
