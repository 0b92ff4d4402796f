from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from goldilocks.nets.layers import chunked_cross_entropy as module
from goldilocks.nets.layers.chunked_cross_entropy import chunked_cross_entropy


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_loss_and_gradients_are_those_of_cross_entropy(smoothing: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOGITS", 30)  # 13 tokens over a vocabulary of 10: five chunks, the last not full
    torch.manual_seed(0)
    hidden, table = torch.randn(13, 6, requires_grad=True), torch.randn(10, 6, requires_grad=True)
    wanted = torch.randint(10, (13,))

    theirs = F.cross_entropy(hidden @ table.T, wanted, label_smoothing=smoothing)
    their_gradients = torch.autograd.grad(3 * theirs, (hidden, table))
    ours = chunked_cross_entropy(hidden, table, wanted, smoothing)
    our_gradients = torch.autograd.grad(3 * ours, (hidden, table))

    assert ours.item() == pytest.approx(theirs.item(), abs=1e-5)
    for our_gradient, other in zip(our_gradients, their_gradients, strict=True):
        assert torch.allclose(our_gradient, other, atol=1e-5)
    with torch.no_grad():
        assert chunked_cross_entropy(hidden, table, wanted, smoothing).item() == pytest.approx(theirs.item(), abs=1e-5)
