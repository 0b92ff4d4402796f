"""Word embeddings as a backbone of depth 0, and the base of the convolutional and recurrent backbones.

Padding has no influence: a text has the same hidden states alone and in a batch with a longer one.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from goldilocks.nets.backbones.base import Backbone
from goldilocks.nets.tokenization.batching import Batch
from goldilocks.nets.tokenization.word_vocabulary import UNKNOWN_ID


class EmbeddingBackbone(Backbone):
    """A table of embeddings, one per token, without layers above it."""

    word_embedding = "words"
    depth = 0
    casing_channels = ("shapes", "prefixes", "suffixes")

    def __init__(self, vocabulary: int, width: int, *, dropout: float = 0.0, hidden_words: float = 0.0) -> None:
        """Initialise the embeddings (normal, 0.1).

        Args:
            vocabulary: Tokens in the table.
            width: Width of an embedding.
            dropout: Dropout rate of the embeddings.
            hidden_words: Word dropout: share of the tokens replaced by the unknown word in training, so that no
                prediction depends on one word alone and the unknown word gets a trained embedding.
        """
        super().__init__()
        self.width = width
        self.words = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.words.weight, std=0.1)
        self.dropout = nn.Dropout(dropout)
        self.hidden_words = hidden_words
        self.channel_width, self.channel_embeddings = width, None

    def embed(self, batch: Batch) -> Tensor:
        """See ``Backbone.embed``."""
        ids = batch.ids
        if self.training and self.hidden_words:
            ids = ids.masked_fill(torch.rand(ids.shape, device=ids.device) < self.hidden_words, UNKNOWN_ID)
        vectors = self.words(ids)
        if self.channel_embeddings is not None:
            vectors = self.channel_embeddings(vectors, batch.channels)
        embedded: Tensor = self.dropout(vectors)
        return embedded

    def groups(self) -> dict[str, list[str]]:
        """See ``Backbone.groups``."""
        names = [name for name, _ in self.named_parameters()]
        above = [name for name in names if self.block_of(name) >= 0]
        return {"embeddings": [name for name in names if name not in above]} | ({"mlp": above} if above else {})

    def block_of(self, parameter: str) -> int:
        """See ``Backbone.block_of``."""
        return -1 if parameter.startswith(("words.", "channel_embeddings.")) else 0
