from __future__ import annotations

import pytest
import torch
from torch import nn

from goldilocks.nets.layers.adalora import AdaLoraLinear
from goldilocks.nets.layers.wrapped_linear import merge, wrap


def layers() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 12), nn.GELU(), nn.Linear(12, 4))


def wrapped(rank: int = 3) -> tuple[nn.Sequential, list[AdaLoraLinear]]:
    module = layers()
    wrap(module, ["0", "2"], lambda _, layer: AdaLoraLinear(layer, rank=rank, alpha=6))
    result = [layer for layer in module if isinstance(layer, AdaLoraLinear)]
    for layer in result:
        nn.init.normal_(layer.values)
    return module, result


def test_answers_and_penalty_are_those_of_peft() -> None:
    peft = pytest.importorskip("peft")
    module, ours = wrapped()
    config = peft.AdaLoraConfig(init_r=3, target_r=2, lora_alpha=6, target_modules=["0", "2"], total_step=10)
    theirs = peft.get_peft_model(layers(), config)
    penalty = 0.0
    for name, layer in zip(("0", "2"), ours, strict=True):
        peft_layer = theirs.base_model.model.get_submodule(name)
        peft_layer.lora_A["default"].data = layer.right.data
        peft_layer.lora_E["default"].data = layer.values.data[:, None]
        peft_layer.lora_B["default"].data = layer.left.data
        peft_layer.ranknum["default"].data.fill_(3.0)
        for matrix in (layer.right @ layer.right.T, layer.left.T @ layer.left):
            penalty += float(torch.norm(matrix.detach() - torch.eye(3), p="fro"))
    inputs = torch.randn(5, 8)
    assert torch.allclose(module(inputs), theirs(inputs), atol=1e-4)  # peft divides by rank + 1e-5
    assert float(sum(layer.penalty().detach() for layer in ours)) == pytest.approx(penalty, rel=1e-5)


def test_merging_keeps_the_answers() -> None:
    module, _ = wrapped()
    inputs = torch.randn(5, 8)
    before = module(inputs)
    merge(module)
    assert isinstance(module[0], nn.Linear)
    assert torch.allclose(module(inputs), before, atol=1e-5)


def test_untrained_it_is_the_layer_that_it_wraps_and_learns_beside_it() -> None:
    module, inputs = layers(), torch.randn(5, 8)
    before = module(inputs)
    wrap(module, ["0"], lambda _, layer: AdaLoraLinear(layer, rank=3, alpha=6))
    assert torch.equal(module(inputs), before)
    learning = [name for name, weight in module[0].named_parameters() if weight.requires_grad]
    assert learning == ["left", "values", "right"]


def test_pruned_singular_value_takes_its_column_and_row_out_of_the_product() -> None:
    module, (first, _) = wrapped()
    inputs = torch.randn(5, 8)
    with torch.no_grad():
        first.values[1] = 0.0
        kept = module(inputs)
        first.left[:, 1] = 7.0
        first.right[1] = 7.0
    assert torch.allclose(module(inputs), kept)


def test_orthonormal_factors_have_no_penalty() -> None:
    torch.manual_seed(0)
    layer = AdaLoraLinear(nn.Linear(8, 12), rank=3, alpha=6)
    assert float(layer.penalty().detach()) > 1
    nn.init.orthogonal_(layer.left)
    nn.init.orthogonal_(layer.right)
    assert float(layer.penalty().detach()) == pytest.approx(0, abs=1e-5)
