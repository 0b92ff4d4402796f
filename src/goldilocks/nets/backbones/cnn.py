"""Convolutional backbone (TextCNN) over word embeddings."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from goldilocks.nets.backbones.embeddings import EmbeddingBackbone


class CnnBackbone(EmbeddingBackbone):
    """One layer of filters of several widths over the words, side by side (Kim 2014).

    A filter sees zeros beyond both ends of a text, so a text shorter than the filter works, and what stands beyond the
    end of a shorter text in a batch is the same zeros.
    """

    depth = 1
    bf16 = True

    def __init__(
        self, vocabulary: int, width: int, filters: int, spans: list[int], *, dropout: float, hidden_words: float
    ) -> None:
        """Draw the weights: ``filters`` for each of ``spans`` (words a filter sees)."""
        super().__init__(vocabulary, width, dropout=dropout, hidden_words=hidden_words)
        self.width = filters * len(spans)
        self.spans = spans
        self.filters = nn.ModuleList(nn.Linear(span * width, filters) for span in spans)

    def block(self, number: int, hidden: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002
        """See ``Backbone.block``."""
        hidden = hidden * mask.unsqueeze(-1).to(hidden.dtype)
        before, after = (max(self.spans) - 1) // 2, max(self.spans) // 2
        # Windows as rows of one matrix product: on a CPU faster than a convolution over so few channels.
        windows = F.pad(hidden, (0, 0, before, after)).unfold(1, max(self.spans), 1).transpose(2, 3)
        found = []
        for span, filters in zip(self.spans, self.filters, strict=True):
            first = before - (span - 1) // 2  # every window is centred on its word
            found.append(filters(windows[:, :, first : first + span].flatten(2)))
        return F.relu(torch.cat(found, dim=-1))
