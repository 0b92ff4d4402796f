"""Cross-encoder over word embeddings: the words of two texts in one row attend to each other and are compared.

A convolutional or recurrent backbone encodes the row. Each word then attends to the words of the *other* text (soft
alignment); its state, what it attended to, their difference and their product go through one layer with a ReLU. Beside
its word, a token has an embedding of whether the same word is in the other text, so that rare names can be compared
that training never had. The channel ``types`` says which text a token belongs to.

Source: Parikh et al. 2016, "A Decomposable Attention Model for Natural Language Inference" (attend, compare,
aggregate); Chen et al. 2017, "Enhanced LSTM for Natural Language Inference" (difference and product). There is no
second recurrent layer above the comparison.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from goldilocks.nets.backbones.base import Backbone
from goldilocks.nets.backbones.embeddings import EmbeddingBackbone
from goldilocks.nets.tokenization.batching import Batch
from goldilocks.nets.tokenization.word_vocabulary import UNKNOWN_ID

_EQUAL_BONUS = 4.0
"""Added to the attention score of two equal words at the start of training: they are aligned first."""


class PairAttentionBackbone(Backbone):
    """``inner`` over both texts, soft alignment between them, and a comparison of each word with its alignment."""

    resumable = False
    depth = 1

    def __init__(self, inner: EmbeddingBackbone, width: int, dropout: float) -> None:
        """Wrap a backbone of word embeddings.

        Args:
            inner: Gives the states that are compared; its weights keep their names, under ``inner``.
            width: Width of the comparison.
            dropout: Dropout rate of the states.
        """
        super().__init__()
        self.inner, self.width, self.bf16 = inner, width, inner.bf16
        self.word_embedding = f"inner.{inner.word_embedding}"
        self.matches = nn.Embedding(2, inner.channel_width)
        self.texts = nn.Embedding(2, width)
        for table in (self.matches, self.texts):
            nn.init.normal_(table.weight, std=0.1)
        self.equal_bonus = nn.Parameter(torch.tensor(_EQUAL_BONUS))
        self.project = nn.Linear(inner.width, width)
        self.compare = nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, batch: Batch, *, start: int = 0, hidden: Tensor | None = None, stop: int | None = None) -> Tensor:
        """Comparisons of all words, ``(n_rows, n_tokens, width)``; always of the whole backbone."""
        assert (start, hidden, stop) == (0, None, None)
        text = batch.channels.get("types", torch.zeros_like(batch.ids)).long()
        inside = batch.mask.bool()
        across = (text[:, :, None] != text[:, None, :]) & inside[:, None, :] & inside[:, :, None]
        equal = (batch.ids[:, :, None] == batch.ids[:, None, :]) & (batch.ids != UNKNOWN_ID)[:, :, None] & across
        hidden = self.inner.embed(batch) + self.matches(equal.any(-1).long())
        for number in range(self.inner.depth):
            hidden = self.inner.block(number, hidden, batch.mask)
        states = torch.relu(self.project(self.dropout(hidden)))
        scores = states @ states.transpose(1, 2) / self.width**0.5 + self.equal_bonus * equal
        # A word without another text to attend to (an empty one) attends to nothing.
        weights = scores.masked_fill(~across, -1e4).softmax(-1) * across.any(-1, keepdim=True)
        aligned = weights @ states
        compared = torch.cat([(states - aligned).abs(), states * aligned], dim=-1)
        outputs: Tensor = torch.relu(self.compare(self.dropout(compared)) + self.texts(text))
        return outputs

    def groups(self) -> dict[str, list[str]]:
        """See ``Backbone.groups``."""
        names = [name for name, _ in self.named_parameters()]
        below = [name for name in names if self.block_of(name) < 0]
        return {"embeddings": below, "mlp": [name for name in names if name not in below]}

    def block_of(self, parameter: str) -> int:
        """See ``Backbone.block_of``."""
        if parameter.startswith("inner."):
            return self.inner.block_of(parameter.removeprefix("inner."))
        return -1 if parameter.startswith("matches.") else 0
