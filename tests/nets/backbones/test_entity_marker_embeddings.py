from __future__ import annotations

import torch

from goldilocks.nets.backbones.entity_marker_embeddings import CHANNEL, EntityMarkerEmbeddings
from goldilocks.support.text.entity_markers import ALL_MARKERS


def test_only_markers_get_an_embedding_and_none_before_training() -> None:
    table, hidden = EntityMarkerEmbeddings(2), torch.ones((1, 3, 2))
    channels = {CHANNEL: torch.tensor([[0, 1, len(ALL_MARKERS)]])}
    assert torch.equal(table(hidden, channels), hidden)
    with torch.no_grad():
        table.weight[1:] = torch.arange(1.0, 1 + len(ALL_MARKERS))[:, None]
    assert table(hidden, channels)[0, :, 0].tolist() == [1.0, 2.0, 1.0 + len(ALL_MARKERS)]


def test_other_tokens_are_not_trained() -> None:
    table = EntityMarkerEmbeddings(2)
    table(torch.zeros((1, 2, 2)), {CHANNEL: torch.tensor([[0, 2]])}).sum().backward()
    assert table.weight.grad is not None
    assert table.weight.grad.sum(1).tolist() == [0.0, 0.0, 2.0, *[0.0] * (len(ALL_MARKERS) - 2)]
