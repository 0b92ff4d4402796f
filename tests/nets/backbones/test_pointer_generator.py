from __future__ import annotations

import pytest
import torch

from goldilocks.nets.backbones.pointer_generator import PointerGenerator

VOCABULARY, WIDTH = 12, 6


@pytest.fixture
def decoder() -> PointerGenerator:
    torch.manual_seed(0)
    return PointerGenerator(VOCABULARY, WIDTH, width=8, cell="lstm", dropout=0.0).eval()


STATES = torch.randn(2, 4, WIDTH, generator=torch.Generator().manual_seed(1))
IDS = torch.tensor([[5, 7, 5, 9], [4, 4, 6, 0]])
MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])
SOURCE = (IDS + 1) * MASK
TARGETS = torch.tensor([[1, 5, 7], [1, 4, 6]])


def test_probabilities_sum_to_one(decoder: PointerGenerator) -> None:
    logs = decoder.logits(STATES, SOURCE, TARGETS)
    assert logs.exp().sum(-1).detach().numpy() == pytest.approx(1.0, abs=1e-5)


def test_copying_alone_points_at_the_tokens_of_the_source(decoder: PointerGenerator) -> None:
    with torch.no_grad():
        decoder.generates.weight.zero_()
        decoder.generates.bias.fill_(-30.0)  # never generates
    shares = decoder.logits(STATES, SOURCE, TARGETS).exp().detach()
    outside = [token for token in range(VOCABULARY) if token not in (4, 6)]
    assert float(shares[1][:, outside].max()) < 1e-6  # padding, token 0, is not pointed at
    assert float(shares[1][:, [4, 6]].sum(-1).min()) == pytest.approx(1.0, abs=1e-5)


def test_loss_is_that_of_the_mixed_probabilities(decoder: PointerGenerator) -> None:
    is_target = torch.tensor([[True, True, True], [True, True, False]])
    wanted = torch.tensor([5, 7, 3, 4, 6])
    logs = decoder.logits(STATES, SOURCE, TARGETS)[is_target]
    expected = -logs.gather(1, wanted.unsqueeze(1)).mean()
    loss = decoder.loss(STATES, SOURCE, TARGETS, wanted, is_target, 0.0)
    assert loss.item() == pytest.approx(expected.item(), abs=1e-5)


def test_step_by_step_as_in_training(decoder: PointerGenerator) -> None:
    whole = decoder.logits(STATES, SOURCE, TARGETS)
    state = decoder.start(STATES, SOURCE, 2)
    for place in range(TARGETS.shape[1]):
        latest = TARGETS[:, place : place + 1].expand(2, 2)
        logs = decoder.step(latest, state)
        assert logs[:, 1].detach().numpy() == pytest.approx(whole[:, place].detach().numpy(), abs=1e-5)
    decoder.select(state, torch.tensor([1]))
    assert decoder.step(torch.tensor([[3, 3]]), state).shape == (1, 2, VOCABULARY)
