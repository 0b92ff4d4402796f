from __future__ import annotations

import pytest
import torch
from torch import Tensor

from goldilocks.nets.backbones.rnn import RnnBackbone
from goldilocks.nets.tokenization.batching import Batch


def _batch(ids: Tensor, mask: Tensor | None = None) -> Batch:
    return Batch(ids, torch.ones_like(ids) if mask is None else mask, {}, ())


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_both_ways_are_torchs_own_bidirectional_net_on_packed_texts(cell: str) -> None:
    torch.manual_seed(0)
    backbone = RnnBackbone(20, 6, cell, 4, both_ways=True, dropout=0.0, hidden_words=0.0).eval()
    theirs = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[cell](
        6, 4, batch_first=True, bidirectional=True
    )
    own = dict(backbone.named_parameters())
    for name, weight in theirs.named_parameters():
        source = f"back.{name.removesuffix('_reverse')}" if name.endswith("_reverse") else f"forth.{name}"
        weight.data.copy_(own[source])
    ids = torch.randint(2, 20, (3, 7))
    lengths = torch.tensor([7, 3, 5])
    mask = (torch.arange(7) < lengths[:, None]).long()
    with torch.inference_mode():
        ours = backbone(_batch(ids, mask))
        packed = torch.nn.utils.rnn.pack_padded_sequence(
            backbone.words(ids), lengths, batch_first=True, enforce_sorted=False
        )
        wanted, _ = torch.nn.utils.rnn.pad_packed_sequence(theirs(packed)[0], batch_first=True)
    assert torch.allclose(ours[mask.bool()], wanted[mask.bool()], atol=1e-6)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_continued_from_its_state_it_gives_the_outputs_of_one_pass(cell: str) -> None:
    torch.manual_seed(0)
    backbone = RnnBackbone(20, 6, cell, 4, both_ways=False, dropout=0.0, hidden_words=0.0).eval()
    ids = torch.randint(2, 20, (2, 7))
    with torch.inference_mode():
        whole = backbone(_batch(ids))
        hidden = backbone.embed(_batch(ids))
        first, state = backbone.continue_from(hidden[:, :3])
        second, _ = backbone.continue_from(hidden[:, 3:], state)
    assert torch.allclose(torch.cat([first, second], 1), whole, atol=1e-6)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_final_state_is_that_after_the_last_token_of_each_row(cell: str) -> None:
    torch.manual_seed(0)
    backbone = RnnBackbone(20, 6, cell, 4, both_ways=False, dropout=0.0, hidden_words=0.0).eval()
    ids, lengths = torch.randint(2, 20, (3, 5)), [5, 2, 1]
    mask = (torch.arange(5) < torch.tensor(lengths)[:, None]).long()
    with torch.inference_mode():
        output, _ = backbone.final_state(_batch(ids, mask))
        for row, length in enumerate(lengths):
            assert torch.allclose(output[row], backbone(_batch(ids[row : row + 1, :length]))[0, -1], atol=1e-6)


def test_recurrent_weights_are_orthogonal_gate_by_gate_and_the_forget_gate_starts_open() -> None:
    backbone = RnnBackbone(20, 6, "lstm", 4, both_ways=False, dropout=0.0, hidden_words=0.0)
    own = dict(backbone.forth.named_parameters())
    for gate in torch.split(own["weight_hh_l0"].detach(), 4):
        assert torch.allclose(gate @ gate.T, torch.eye(4), atol=1e-5)
    bias = (own["bias_ih_l0"] + own["bias_hh_l0"]).detach()
    assert bias.tolist() == [0.0] * 4 + [1.0] * 4 + [0.0] * 8  # torch's order of gates: input, forget, cell, output
