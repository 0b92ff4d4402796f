from __future__ import annotations

import copy

import torch
from torch import nn

from goldilocks.nets.backbones.transformer import TransformerBackbone, TransformerOptions
from goldilocks.nets.tokenization.batching import Batch

OPTIONS = TransformerOptions(vocabulary=50, width=16, depth=2, heads=4, inner=24, dropout=0.0)


def test_a_reading_block_is_torchs_own_with_norms_first() -> None:
    torch.manual_seed(0)
    backbone = TransformerBackbone(OPTIONS).eval()
    block = backbone.blocks[0]
    theirs = nn.TransformerEncoderLayer(16, 4, 24, 0.0, norm_first=True, batch_first=True).eval()
    ours = dict(block.named_parameters())
    given = {
        "self_attn.in_proj_weight": torch.cat([ours["attention.query.weight"], ours["attention.key_value.weight"]]),
        "self_attn.in_proj_bias": torch.cat([ours["attention.query.bias"], ours["attention.key_value.bias"]]),
        "self_attn.out_proj.weight": ours["attention.out.weight"],
        "self_attn.out_proj.bias": ours["attention.out.bias"],
        "linear1.weight": ours["perceptron.up.weight"],
        "linear1.bias": ours["perceptron.up.bias"],
        "linear2.weight": ours["perceptron.down.weight"],
        "linear2.bias": ours["perceptron.down.bias"],
        "norm1.weight": ours["attention_norm.weight"],
        "norm1.bias": ours["attention_norm.bias"],
        "norm2.weight": ours["norm.weight"],
        "norm2.bias": ours["norm.bias"],
    }
    theirs.load_state_dict(given)
    hidden, mask = torch.randn(2, 7, 16), torch.ones(2, 7)
    mask[0, 5:] = 0
    with torch.no_grad():
        result, wanted = backbone.block(0, hidden, mask), theirs(hidden, src_key_padding_mask=mask == 0)
    assert torch.allclose(result[mask == 1], wanted[mask == 1], atol=1e-5)


def test_a_token_does_not_see_what_comes_later() -> None:
    torch.manual_seed(0)
    backbone = TransformerBackbone(OPTIONS).eval()
    decoder = backbone.new_decoder().eval()
    states, mask = torch.randn(1, 3, 16), torch.ones(1, 3)
    ids = torch.tensor([[2, 7, 8, 9]])
    with torch.no_grad():
        first = decoder.logits(states, mask, ids)
        second = decoder.logits(states, mask, torch.tensor([[2, 7, 30, 31]]))
    assert torch.allclose(first[:, :2], second[:, :2], atol=1e-6)
    assert not torch.allclose(first[:, 2], second[:, 2], atol=1e-3)


def test_a_copy_of_both_shares_one_table_as_before() -> None:
    backbone = TransformerBackbone(OPTIONS)
    both = copy.deepcopy(nn.ModuleDict({"backbone": backbone, "head": backbone.new_decoder()})).eval()
    batch = Batch(torch.tensor([[5, 6]]), torch.ones(1, 2), {}, ())
    with torch.no_grad():
        states = both["backbone"](batch)
        before = both["head"].logits(states, batch.mask, torch.tensor([[2]]))  # type: ignore[operator]
        both["backbone"].get_parameter("words.weight")[10] += 1.0
        after = both["head"].logits(states, batch.mask, torch.tensor([[2]]))  # type: ignore[operator]
    changed = (before != after).flatten().nonzero().flatten().tolist()
    assert changed == [10]
