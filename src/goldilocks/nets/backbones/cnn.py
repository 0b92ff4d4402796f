"""Convolutional backbone (TextCNN) over word embeddings."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from goldilocks.nets.backbones.embeddings import EmbeddingBackbone


class CnnBackbone(EmbeddingBackbone):
    """One convolutional layer with filters of several widths over the words (TextCNN, Kim 2014).

    Texts are padded with zeros at both ends, so a text shorter than the filter works, and gives the same states alone
    and next to a longer one in a batch.
    """

    depth = 1
    bf16 = True

    def __init__(
        self, vocabulary: int, width: int, filters: int, spans: list[int], *, dropout: float, hidden_words: float
    ) -> None:
        """Initialise ``filters`` filters of each of the widths ``spans``, in words."""
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
        outputs = []
        for span, filters in zip(self.spans, self.filters, strict=True):
            first = before - (span - 1) // 2  # every window is centred on its word
            outputs.append(filters(windows[:, :, first : first + span].flatten(2)))
        return F.relu(torch.cat(outputs, dim=-1))
