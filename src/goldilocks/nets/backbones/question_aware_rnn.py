"""Recurrent backbone for a question and its context in one row: two layers with attention to the question between them.

The first bidirectional layer encodes the row. Each token then attends to the question's tokens; its state, what it
attended to and their product go through the second bidirectional layer. Beside its word, a token has embeddings of its
shape, its first and last letters and of whether it, and its neighbour, are in the question: so names that training
never had can be matched and pointed at.

Source: Seo et al. 2017, "Bidirectional Attention Flow for Machine Comprehension" (context-to-query attention and a
modelling layer); Chen et al. 2017, "Reading Wikipedia to Answer Open-Domain Questions" (exact match and shape
features). Without pretrained word vectors, and without query-to-context attention.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from goldilocks.nets.backbones.casing_embeddings import CasingEmbeddings
from goldilocks.nets.backbones.embeddings import EmbeddingBackbone
from goldilocks.nets.backbones.rnn import bidirectional, recurrent_cell
from goldilocks.nets.layers.fast_dropout import Dropout
from goldilocks.nets.tokenization.batching import Batch

MATCHES = "matches"
"""Channel: 0 of a token that is not in the question (and in it), 1 where it is, 2 where its neighbour is too."""
CASING = ("shapes", "prefixes", "suffixes")


class QuestionAwareRnnBackbone(EmbeddingBackbone):
    """Two bidirectional recurrent layers over question and context; see the module."""

    depth = 2
    resumable = False
    span_channels = (MATCHES, *CASING)

    def __init__(
        self, vocabulary: int, width: int, cell: str, state: int, *, dropout: float, hidden_words: float
    ) -> None:
        """Initialise two layers of a ``cell`` with a recurrent state of width ``state`` per direction."""
        super().__init__(vocabulary, width, dropout=dropout, hidden_words=hidden_words)
        self.channel_embeddings = CasingEmbeddings(CASING, width)
        self.matches = nn.Embedding(3, width)
        nn.init.normal_(self.matches.weight, std=0.1)
        self.width = 2 * state
        self.first = nn.ModuleList(recurrent_cell(cell, width, state) for _ in range(2))
        self.attention = nn.Linear(self.width, self.width, bias=False)
        self.join = nn.Linear(3 * self.width, width)
        self.second = nn.ModuleList(recurrent_cell(cell, width, state) for _ in range(2))
        self.between = Dropout(dropout)

    def embed(self, batch: Batch) -> Tensor:
        """See ``Backbone.embed``."""
        return super().embed(batch) + cast(Tensor, self.matches(batch.channels[MATCHES]))

    def forward(self, batch: Batch, *, start: int = 0, hidden: Tensor | None = None, stop: int | None = None) -> Tensor:
        """States of all tokens, ``(n_rows, n_tokens, width)``; always of the whole backbone."""
        assert (start, hidden, stop) == (0, None, None)
        states = self._layer(self.first, self.embed(batch), batch.mask)
        question = ((batch.channels["types"] == 0) & batch.mask.bool()).unsqueeze(1)
        scores = self.attention(states) @ states.transpose(1, 2) / self.width**0.5
        attended = scores.masked_fill(~question, float("-inf")).softmax(-1) @ states
        joined = torch.relu(self.join(self.between(torch.cat([states, attended, states * attended], dim=-1))))
        outputs: Tensor = self.between(self._layer(self.second, joined, batch.mask))
        return outputs

    def _layer(self, cells: nn.ModuleList, hidden: Tensor, mask: Tensor) -> Tensor:
        return bidirectional(cast(nn.RNNBase, cells[0]), cast(nn.RNNBase, cells[1]), hidden, mask)

    def block_of(self, parameter: str) -> int:
        """See ``Backbone.block_of``."""
        if parameter.startswith(("words.", "channel_embeddings.", "matches.")):
            return -1
        return 0 if parameter.startswith("first.") else 1
