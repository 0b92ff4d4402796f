from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from goldilocks.nets.backbones.cnn import CnnBackbone
from goldilocks.nets.tokenization.batching import Batch


def _batch(ids: Tensor, mask: Tensor | None = None) -> Batch:
    return Batch(ids, torch.ones_like(ids) if mask is None else mask, {}, ())


def test_filters_are_torchs_convolution_centred_on_each_word() -> None:
    torch.manual_seed(0)
    backbone = CnnBackbone(20, 6, 5, [3, 5], dropout=0.0, hidden_words=0.0).eval()
    ids = torch.arange(8)[None]
    ours = backbone(_batch(ids))
    words: Tensor = backbone.words(ids).transpose(1, 2)  # (1, 6, 8)
    theirs = []
    for span, filters in zip((3, 5), backbone.filters, strict=True):
        assert isinstance(filters, torch.nn.Linear)
        weight = filters.weight.view(5, span, 6).transpose(1, 2)  # windows lie word by word, torch wants channels first
        theirs.append(F.conv1d(words, weight, filters.bias, padding=span // 2))
    assert torch.allclose(ours, F.relu(torch.cat(theirs, 1)).transpose(1, 2), atol=1e-6)


def test_text_shorter_than_every_filter_has_a_state_for_each_word() -> None:
    backbone = CnnBackbone(20, 6, 5, [4, 5], dropout=0.0, hidden_words=0.0).eval()
    assert backbone(_batch(torch.tensor([[7]]))).shape == (1, 1, 10)
