from __future__ import annotations

import pytest
import torch
from torch import nn

from goldilocks.nets.layers.ia3 import Ia3Linear
from goldilocks.nets.layers.wrapped_linear import merge, wrap


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
    config = peft.IA3Config(target_modules=["0", "2"], feedforward_modules=["2"], fan_in_fan_out=across)
    theirs = peft.get_peft_model(layers(across), config)
    wrap(ours, ["0", "2"], lambda name, layer: Ia3Linear(layer, scaled=slice(None) if name == "0" else None))
    for name in ("0", "2"):
        wrapped, peft_layer = ours.get_submodule(name), theirs.base_model.model.get_submodule(name)
        assert isinstance(wrapped, Ia3Linear)
        nn.init.uniform_(wrapped.factors, 0.5, 2)
        vector = peft_layer.ia3_l["default"]
        vector.data = wrapped.factors.data.view(vector.shape)
    assert torch.allclose(ours(inputs), theirs(inputs), atol=1e-6)


@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("scaled", [None, slice(None), slice(3, 9)])
def test_merging_keeps_the_answers(across: bool, scaled: slice | None) -> None:
    module, inputs = layers(across), torch.randn(5, 8)
    wrap(module, ["0"], lambda _, layer: Ia3Linear(layer, scaled=scaled))
    wrapped = module[0]
    assert isinstance(wrapped, Ia3Linear)
    assert torch.equal(module(inputs), layers(across)(inputs))  # factors start at 1
    nn.init.uniform_(wrapped.factors, 0.5, 2)
    before = module(inputs)
    merge(module)
    assert torch.allclose(module(inputs), before, atol=1e-5)


def test_outputs_outside_the_slice_are_left_alone() -> None:
    module, inputs = layers(), torch.randn(5, 8)
    plain = module[0](inputs)
    wrapped = Ia3Linear(module[0], scaled=slice(3, 9))
    nn.init.constant_(wrapped.factors, 2.0)
    scaled = wrapped(inputs)
    assert torch.equal(scaled[:, :3], plain[:, :3])
    assert torch.equal(scaled[:, 3:9], 2 * plain[:, 3:9])
    assert torch.equal(scaled[:, 9:], plain[:, 9:])
