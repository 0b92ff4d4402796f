"""What is above the hidden states of a network, to be traced: pooling, head, probabilities; scores of tags, spans."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from goldilocks.nets.backbones.base import pool
from goldilocks.nets.heads.masked_lm_classifier import MaskedLMClassifier, VerbalizerHead
from goldilocks.nets.heads.pair_scorer import CosineHead, PairScorer
from goldilocks.nets.heads.span_extractor import SpanExtractor
from goldilocks.nets.heads.token_classifier import GAIN, SparseFeatureScores, TagHead, TokenClassifier
from goldilocks.nets.network import Network


class ExportedHead(nn.Module):
    """Hidden states -> what the kind of answer needs (``onnx_form.GraphSignature``); no data-dependent branches."""

    def __init__(self, model: Network) -> None:
        """The head of the network."""
        super().__init__()
        self.head, self.kind = model.head, type(model)
        self.pooling, self.several = model.config.pooling, model.config.several

    def forward(self, hidden: Tensor, mask: Tensor | None, places: Tensor | None, features: Tensor | None) -> Tensor:
        """The graph's output.

        Args:
            hidden: ``(rows, tokens, width)``.
            mask: 1 at tokens, 0 at padding, ``(rows, tokens)``; ``None``: there is no padding.
            places: Positions of the words, ``(rows, words)``, or of the masks of label words; else ``None``.
            features: Feature numbers of the words, ``(rows, words, word_shape.MAX_FEATURES)``; taggers only.
        """
        if self.kind is TokenClassifier:
            assert places is not None
            return tag_scores(self.head, hidden, places, features)
        if self.kind is SpanExtractor:
            return cast(Tensor, self.head(hidden)).float()
        if self.kind is MaskedLMClassifier:
            assert places is not None
            scores = label_word_scores(cast(VerbalizerHead, self.head), hidden, places)
            return scores.sigmoid() if self.several else scores.softmax(-1)
        mask = torch.ones_like(hidden[:, :, 0]) if mask is None else mask
        pooled = self.head(pool(hidden, mask, self.pooling)).float()
        if isinstance(self.head, CosineHead):
            return cast(Tensor, pooled)
        sigmoid = self.several or self.kind is PairScorer
        return cast(Tensor, pooled.sigmoid() if sigmoid else pooled.softmax(-1))


def label_word_scores(head: VerbalizerHead, hidden: Tensor, places: Tensor) -> Tensor:
    """Scores of the labels from the states at the masks, ``(rows, n_labels)``."""
    masks = hidden.gather(1, places.unsqueeze(2).expand(-1, -1, hidden.shape[2])).float()
    scores: Tensor = head.out(head.norm(head.activation(head.dense(masks))).flatten(1))
    return scores


def tag_scores(head: nn.Module, hidden: Tensor, places: Tensor, features: Tensor | None) -> Tensor:
    """Scores of the tags of the words at ``places``, ``(rows, words, n_labels)``; of several heads their mean."""
    words = hidden.gather(1, places.unsqueeze(2).expand(-1, -1, hidden.shape[2]))
    heads = [head] if isinstance(head, TagHead) else [cast(TagHead, each) for each in head.children()]
    scores = torch.stack([each.linear(words) for each in heads]).mean(0)
    if features is None:
        return scores
    keep = (features > 0).to(scores.dtype).unsqueeze(3)
    tables = torch.stack([cast(SparseFeatureScores, each.wide).table.weight for each in heads]).mean(0)
    return scores + (tables[features] * keep).sum(2) * GAIN
