"""Distillation of a tagger: at every word the tag scores of an earlier tagger are learnt in addition to the gold tags.

The distributions of each word are compared one by one; a CRF's transitions are trained by the gold tags only.

Source: Monaikul et al. 2021, "Continual Learning for Named Entity Recognition" (one tagger for old and new tags, where
a word's old distribution is the target; there only at words outside the new entities).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from goldilocks.nets.heads.token_classifier import TokenClassifier
from goldilocks.nets.network import Network
from goldilocks.nets.tokenization.batching import Batch, Row
from goldilocks.records import Gold, Text


class SoftTags:
    """The tagger's own loss, mixed with its distance to the earlier tagger's softened tag scores."""

    loss_options = frozenset({"label_smoothing"})
    """See ``tuning.objective.SupportsLossOptions``."""

    def __init__(
        self,
        network: TokenClassifier,
        previous: TokenClassifier,
        texts: Sequence[Text],
        gold: Sequence[Gold],
        *,
        weight: float,
        temperature: float,
    ) -> None:
        """Let the earlier tagger score the words.

        Args:
            network: The student; its tags begin with those of ``previous``, and it cuts items into the same rows.
            previous: The earlier tagger.
            texts: Training items.
            gold: Their right tags.
            weight: Weight of the earlier tagger, 0 to 1; the right tags have the rest.
            temperature: Both distributions are softened by it.
        """
        self._network, self._gold = network, gold
        self._weight, self._temperature = weight, temperature
        rows = previous.rows(texts)
        self._scores: dict[tuple[int, int], Tensor] = {}
        previous.module.eval()
        with torch.no_grad():
            for chosen, batch in previous.batches(rows):
                scores = previous.word_scores(previous.backbone(batch), batch).cpu()
                parts = torch.split(scores, [len(rows[place].places) for place in chosen])
                for place, part in zip(chosen, parts, strict=True):
                    self._scores[rows[place].item, rows[place].first] = part

    def targets(self, rows: Sequence[Row]) -> list[Any]:
        """The right tags of each row's words, and the earlier tagger's scores of them."""
        gold_targets = self._network.targets(rows, self._gold)
        return [(tags, self._scores[row.item, row.first]) for tags, row in zip(gold_targets, rows, strict=True)]

    def loss(self, network: Network, batch: Batch, targets: Sequence[Any]) -> Tensor:
        """See ``tuning.objective.Objective``."""
        states = network.backbone(batch)
        gold_loss = network.loss(states, batch, [tags for tags, _ in targets])
        teacher_logits = torch.cat([scores for _, scores in targets]).to(gold_loss.device) / self._temperature
        scores = (
            cast(TokenClassifier, network).word_scores(states, batch)[:, : teacher_logits.shape[1]] / self._temperature
        )
        if not len(teacher_logits):
            return gold_loss
        distance = F.kl_div(
            scores.log_softmax(-1), teacher_logits.log_softmax(-1), reduction="batchmean", log_target=True
        )
        return (1 - self._weight) * gold_loss + self._weight * self._temperature**2 * distance
