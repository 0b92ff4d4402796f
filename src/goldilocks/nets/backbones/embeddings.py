"""Backbones over a table of word vectors: the table alone, convolutions above it, or a recurrent net above it.

None of them lets padding through: a text has the same hidden states alone and beside a longer one.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from goldilocks.nets.backbones.base import Backbone
from goldilocks.nets.tokenization.batching import Batch
from goldilocks.nets.tokenization.word_vocabulary import UNKNOWN_ID


class EmbeddingBackbone(Backbone):
    """A table of vectors, one per token, and nothing above it."""

    word_embedding = "words"
    depth = 0
    spelling = ("shapes", "prefixes", "suffixes")

    def __init__(self, vocabulary: int, width: int, *, dropout: float = 0.0, hidden_words: float = 0.0) -> None:
        """Draw a table (normal, 0.1).

        Args:
            vocabulary: Tokens in the table.
            width: Width of a vector.
            dropout: Share of the vectors' numbers set to 0 in training.
            hidden_words: Share of the tokens replaced by the unknown word in training, so that no answer hangs on one
                word and the unknown word gets a vector of use.
        """
        super().__init__()
        self.width = width
        self.words = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.words.weight, std=0.1)
        self.dropout = nn.Dropout(dropout)
        self.hidden_words = hidden_words
        self.mark_width, self.marks = width, None

    def embed(self, batch: Batch) -> Tensor:
        """See ``Backbone.embed``."""
        ids = batch.ids
        if self.training and self.hidden_words:
            ids = ids.masked_fill(torch.rand(ids.shape, device=ids.device) < self.hidden_words, UNKNOWN_ID)
        vectors = self.words(ids)
        if self.marks is not None:
            vectors = self.marks(vectors, batch.channels)
        read: Tensor = self.dropout(vectors)
        return read

    def groups(self) -> dict[str, list[str]]:
        """See ``Backbone.groups``."""
        names = [name for name, _ in self.named_parameters()]
        above = [name for name in names if self.block_of(name) >= 0]
        return {"embeddings": [name for name in names if name not in above]} | ({"mlp": above} if above else {})

    def block_of(self, parameter: str) -> int:
        """See ``Backbone.block_of``."""
        return -1 if parameter.startswith(("words.", "marks.")) else 0
