from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from goldilocks.nets.backbones.base import pool
from goldilocks.nets.backbones.bi_encoder import BiEncoderBackbone, joined, texts_in
from goldilocks.nets.backbones.embeddings import EmbeddingBackbone
from goldilocks.nets.backbones.rnn import RnnBackbone
from goldilocks.nets.tokenization.batching import Batch, Row, padded

TEXTS = [[4], [5, 6, 7, 8], [9, 10], [5, 6, 7, 8], [11] * 9]


def _row(*texts: int) -> Row:
    rows = [Row(np.array(TEXTS[text], dtype=np.int32)) for text in texts]
    return joined(rows, item=0)


def _inner() -> RnnBackbone:
    torch.manual_seed(0)
    return RnnBackbone(20, 6, "lstm", 4, both_ways=True, dropout=0.0, hidden_words=0.0).eval()


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Texts in each batch that the inner backbone encodes."""
    counts: list[int] = []
    embed = EmbeddingBackbone.embed

    def counting(self: EmbeddingBackbone, batch: Batch) -> Tensor:
        counts.append(len(batch.ids))
        return embed(self, batch)

    monkeypatch.setattr(EmbeddingBackbone, "embed", counting)
    return counts


def test_each_text_has_the_vector_it_has_alone() -> None:
    inner = _inner()
    batch = padded([_row(0, 1), _row(2, 3, 4)], 0)
    with torch.inference_mode():
        vectors = BiEncoderBackbone(inner, "mean")(batch)
        for vector, ids in zip(vectors, TEXTS, strict=True):
            alone = torch.tensor([ids])
            states = inner(Batch(alone, torch.ones_like(alone), {}, ()))
            assert torch.allclose(vector, pool(states, torch.ones_like(alone), "mean")[0], atol=1e-6)


def test_equal_texts_of_a_batch_are_encoded_once(encoded: list[int]) -> None:
    vectors = BiEncoderBackbone(_inner(), "max")(padded([_row(0, 1), _row(2, 3, 4)], 0))
    assert len(vectors) == 5
    assert sum(encoded) == 4  # texts 1 and 3 are equal
    assert torch.equal(vectors[1], vectors[3])


def test_frozen_backbone_encodes_a_text_once_in_all(encoded: list[int]) -> None:
    frozen = BiEncoderBackbone(_inner().requires_grad_(False), "mean")
    first = frozen(padded([_row(0, 1)], 0))
    again = frozen(padded([_row(1, 2)], 0))
    assert sum(encoded) == 3
    assert torch.equal(first[1], again[0])


def test_gradients_reach_the_backbone() -> None:
    backbone = BiEncoderBackbone(_inner(), "mean")
    backbone(padded([_row(0, 1)], 0)).sum().backward()
    assert all(weight.grad is not None for weight in backbone.parameters())


def test_joined_row_counts_its_texts_and_weights_keep_their_names() -> None:
    row = _row(0, 1, 2)
    assert texts_in(row) == 3
    assert row.channels["text"].tolist() == [0, 1, 1, 1, 1, 2, 2]
    backbone = BiEncoderBackbone(_inner(), "mean")
    names = [name for names in backbone.groups().values() for name in names]
    assert sorted(names) == sorted(name for name, _ in backbone.named_parameters())
    assert backbone.block_of("inner.words.weight") == -1
    assert backbone.word_embedding == "inner.words"
