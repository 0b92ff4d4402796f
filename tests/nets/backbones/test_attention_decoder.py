from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from goldilocks.nets.backbones.attention_decoder import AttentionDecoder

IDS = torch.tensor([[2, 7, 5], [2, 9, 4]])
MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])


def _decoder(cell: str = "lstm") -> AttentionDecoder:
    torch.manual_seed(0)
    return AttentionDecoder(12, 6, width=8, cell=cell, dropout=0.3).eval()


def _states() -> torch.Tensor:
    return torch.randn((2, 4, 6), generator=torch.Generator().manual_seed(1))


def test_logits_are_those_of_global_attention_by_hand() -> None:
    decoder, states = _decoder("gru"), _states()
    with torch.inference_mode():
        logits = decoder.logits(states, MASK, IDS)[1]
        # Luong et al. 2015, of the second source, whose last two tokens are padding.
        source = states[1, :2]
        start = torch.tanh(decoder.first(source.mean(0)))
        outputs, _ = decoder.cell(decoder.words(IDS[1])[None] * 8**0.5, start[None, None])
        for position, output in enumerate(outputs[0]):
            weights = (decoder.key(source) @ output).softmax(0)
            joined = torch.tanh(decoder.join(torch.cat([weights @ source, output])))
            assert torch.allclose(logits[position], decoder.words.weight @ joined, atol=1e-5)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_steps_give_the_logits_of_teacher_forcing(cell: str) -> None:
    decoder, states = _decoder(cell), _states()
    with torch.inference_mode():
        whole = decoder.logits(states, MASK, IDS)
        state = decoder.start(states, MASK, 2)
        for position in range(3):
            ids = IDS[:, position, None].expand(2, 2)  # both beams alike
            step = decoder.step(ids, state)
            assert torch.allclose(step, whole[:, position, None].expand_as(step), atol=1e-5)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_reordered_beams_and_selected_sources_continue_as_themselves(cell: str) -> None:
    decoder, states = _decoder(cell), _states()
    with torch.inference_mode():
        state = decoder.start(states, MASK, 2)
        decoder.step(torch.tensor([[3, 4], [5, 6]]), state)
        decoder.reorder(state, torch.tensor([1, 0, 3, 3]))
        decoder.select(state, torch.tensor([1]))
        step = decoder.step(torch.tensor([[7, 8]]), state)
        # Both beams of source 1 continue from its beam 1, whose token was 6.
        for beam, token in enumerate((7, 8)):
            whole = decoder.logits(states[1:], MASK[1:], torch.tensor([[6, token]]))
            assert torch.allclose(step[0, beam], whole[0, 1], atol=1e-5)


def test_loss_is_cross_entropy_of_the_logits() -> None:
    decoder, states = _decoder(), _states()
    is_target = torch.tensor([[True, True, True], [True, True, False]])
    targets = torch.tensor([7, 5, 3, 9, 3])
    with torch.no_grad():
        loss = decoder.loss(states, MASK, IDS, targets, is_target, 0.1)
        logits = decoder.logits(states, MASK, IDS)[is_target]
    assert float(loss) == pytest.approx(float(F.cross_entropy(logits, targets, label_smoothing=0.1)), rel=1e-5)


def test_all_of_it_is_the_head() -> None:
    decoder = _decoder()
    assert decoder.groups() == {"head": [name for name, _ in decoder.named_parameters()]}
