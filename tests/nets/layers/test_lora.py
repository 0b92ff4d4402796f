from __future__ import annotations

import pytest
import torch
from torch import nn

from goldilocks.nets.layers import lora, wrapped_linear


def layers(across: bool = False) -> nn.Sequential:
    torch.manual_seed(0)
    if across:
        from transformers.pytorch_utils import Conv1D

        return nn.Sequential(Conv1D(12, 8), nn.GELU(), Conv1D(4, 12))
    return nn.Sequential(nn.Linear(8, 12), nn.GELU(), nn.Linear(12, 4))


@pytest.mark.parametrize("across", [False, True])
def test_answers_are_those_of_peft(across: bool) -> None:
    peft = pytest.importorskip("peft")
    ours, inputs = layers(across), torch.randn(5, 8)
    config = peft.LoraConfig(r=3, lora_alpha=6, target_modules=["0", "2"], fan_in_fan_out=across)
    theirs = peft.get_peft_model(layers(across), config)
    lora.add(ours, ["0", "2"], rank=3, alpha=6)
    for name in ("0", "2"):
        wrapped, peft_layer = ours.get_submodule(name), theirs.base_model.model.get_submodule(name)
        assert isinstance(wrapped, lora.LoraLinear)
        nn.init.normal_(wrapped.up)
        peft_layer.lora_A["default"].weight.data = wrapped.down.data
        peft_layer.lora_B["default"].weight.data = wrapped.up.data

    assert torch.allclose(ours(inputs), theirs(inputs), atol=1e-6)


def test_added_layers_change_nothing_before_they_have_learnt() -> None:
    module, inputs = layers(), torch.randn(5, 8)
    before = module(inputs)
    assert lora.add(module, ["0", "1", "2"], rank=2, alpha=4) == 2  # the GELU between them is not a linear layer
    assert torch.equal(module(inputs), before)


def test_only_the_additions_learn() -> None:
    module = layers()
    lora.add(module, ["0"], rank=2, alpha=4)
    learning = [name for name, entry in module[0].named_parameters() if entry.requires_grad]
    assert learning == ["down", "up"]


@pytest.mark.parametrize("across", [False, True])
def test_merging_keeps_the_answers_and_leaves_plain_layers(across: bool) -> None:
    module, inputs = layers(across), torch.randn(5, 8)
    lora.add(module, ["0", "2"], rank=2, alpha=4)
    wrapped = module[0]
    assert isinstance(wrapped, lora.LoraLinear)
    nn.init.normal_(wrapped.up)
    before = module(inputs)
    lora.merge(module)
    assert [type(entry) for entry in module] == [type(layer) for layer in layers(across)]
    assert torch.allclose(module(inputs), before, atol=1e-5)


@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("kind", ["rslora", "dora"])
def test_variants_answer_as_those_of_peft(kind: str, across: bool) -> None:
    peft = pytest.importorskip("peft")
    ours, inputs = layers(across), torch.randn(5, 8)
    flags = {"use_rslora": kind == "rslora", "use_dora": kind == "dora"}
    config = peft.LoraConfig(r=3, lora_alpha=6, target_modules=["0", "2"], fan_in_fan_out=across, **flags)
    theirs = peft.get_peft_model(layers(across), config)

    def make(name: str, layer: nn.Module) -> nn.Module:
        stabilised = kind == "rslora"
        build = lora.DoraLinear if kind == "dora" else lora.LoraLinear
        return build(layer, rank=3, alpha=6, rank_stabilised=stabilised)

    wrapped_linear.wrap(ours, ["0", "2"], make)
    for name in ("0", "2"):
        wrapped, peft_layer = ours.get_submodule(name), theirs.base_model.model.get_submodule(name)
        assert isinstance(wrapped, lora.LoraLinear)
        nn.init.normal_(wrapped.up)
        peft_layer.lora_A["default"].weight.data = wrapped.down.data
        peft_layer.lora_B["default"].weight.data = wrapped.up.data
        if isinstance(wrapped, lora.DoraLinear):
            nn.init.uniform_(wrapped.magnitude, 0.5, 2)
            peft_layer.lora_magnitude_vector["default"].weight.data = wrapped.magnitude.data

    theirs.eval()
    assert torch.allclose(ours(inputs), theirs(inputs), atol=1e-5)


@pytest.mark.parametrize("across", [False, True])
def test_merged_dora_keeps_its_answers(across: bool) -> None:
    module, inputs = layers(across), torch.randn(5, 8)
    wrapped_linear.wrap(module, ["0", "2"], lambda _, layer: lora.DoraLinear(layer, rank=2, alpha=4))
    wrapped = module[0]
    assert isinstance(wrapped, lora.DoraLinear)
    nn.init.normal_(wrapped.up)
    nn.init.uniform_(wrapped.magnitude, 0.5, 2)
    before = module(inputs)
    lora.merge(module)
    assert torch.allclose(module(inputs), before, atol=1e-5)
