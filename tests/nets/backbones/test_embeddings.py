from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from goldilocks.nets.backbones.base import Backbone
from goldilocks.nets.backbones.cnn import CnnBackbone
from goldilocks.nets.backbones.embeddings import EmbeddingBackbone
from goldilocks.nets.backbones.rnn import RnnBackbone
from goldilocks.nets.tokenization.batching import Batch


def _backbones() -> list[Backbone]:
    torch.manual_seed(0)
    result: list[Backbone] = [
        EmbeddingBackbone(20, 6),
        CnnBackbone(20, 6, 5, [2, 3, 4, 5], dropout=0.3, hidden_words=0.1),
    ]
    for cell in ("rnn", "gru", "lstm"):
        for both_ways in (False, True):
            result.append(RnnBackbone(20, 6, cell, 4, both_ways=both_ways, dropout=0.3, hidden_words=0.1))
    return [backbone.eval() for backbone in result]


def _batch(ids: Tensor, mask: Tensor | None = None) -> Batch:
    return Batch(ids, torch.ones_like(ids) if mask is None else mask, {}, ())


def _named(backbone: Backbone) -> str:
    return f"{type(backbone).__name__}-{backbone.width}"


@pytest.mark.parametrize("backbone", _backbones(), ids=_named)
@pytest.mark.parametrize("length", [1, 2, 7])
def test_padding_changes_no_hidden_state(backbone: Backbone, length: int) -> None:
    ids = torch.arange(1, length + 1)[None]
    padded = F.pad(ids, (0, 9 - length))
    mask = (torch.arange(9) < length).long()[None]
    with torch.inference_mode():
        alone = backbone(_batch(ids))
        among = backbone(_batch(padded, mask))[:, :length]
    assert alone.shape == (1, length, backbone.width)
    assert torch.allclose(alone, among, atol=1e-6)


@pytest.mark.parametrize("backbone", _backbones(), ids=_named)
def test_groups_name_every_parameter_once(backbone: Backbone) -> None:
    named = [name for names in backbone.groups().values() for name in names]
    assert sorted(named) == sorted(name for name, _ in backbone.named_parameters())
    assert all(backbone.block_of(name) == -1 for name in backbone.groups()["embeddings"])
    assert all(backbone.block_of(name) == 0 for name in backbone.groups().get("mlp", []))


@pytest.mark.parametrize("backbone", _backbones(), ids=_named)
def test_the_word_table_is_where_the_backbone_says(backbone: Backbone) -> None:
    assert backbone.word_embedding is not None
    assert isinstance(backbone.get_submodule(backbone.word_embedding), torch.nn.Embedding)


def test_words_are_hidden_in_training_only() -> None:
    backbone = EmbeddingBackbone(20, 6, hidden_words=0.5)
    ids = torch.full((1, 400), 7)
    torch.manual_seed(0)
    hidden = (backbone.train()(_batch(ids)) == backbone.words.weight[1]).all(-1)
    assert 150 < int(hidden.sum()) < 250  # half of 400, give or take five standard deviations
    assert not (backbone.eval()(_batch(ids)) == backbone.words.weight[1]).all(-1).any()
