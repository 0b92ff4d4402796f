from __future__ import annotations

import torch
from torch import Tensor, nn

from goldilocks.nets.layers.wrapped_linear import WrappedLinear, is_linear, merge, wrap


class Doubled(WrappedLinear):
    """Twice the layer."""

    def forward(self, inputs: Tensor) -> Tensor:
        return 2 * self.base(inputs)  # type: ignore[no-any-return]

    def merged(self) -> nn.Module:
        with torch.no_grad():
            for weight in self.base.parameters():
                weight.mul_(2)
        return self.base


class Kept(Doubled):
    """The same, but not as one layer."""

    mergeable = False


class Conv1D(nn.Module):
    """GPT-2's linear layer, by the name that transformers gives it."""

    def __init__(self, outputs: int, inputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs))
        self.bias = nn.Parameter(torch.randn(outputs))

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs @ self.weight + self.bias


Conv1D.__module__ = "transformers.pytorch_utils"


def model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 5), nn.GELU(), nn.Sequential(nn.Linear(5, 2, bias=False)))


def test_only_linear_layers_are_wrapped_and_counted() -> None:
    module = model()
    names = []

    def make(name: str, layer: nn.Module) -> nn.Module:
        names.append(name)
        return Doubled(layer)

    assert wrap(module, ["0", "1", "2.0"], make) == 2
    assert names == ["0", "2.0"]
    assert isinstance(module.get_submodule("2.0"), Doubled)
    assert isinstance(module[1], nn.GELU)


def test_wrapping_freezes_the_layer_only() -> None:
    module = model()
    wrap(module, ["0"], lambda _, layer: Doubled(layer))
    assert {name: weight.requires_grad for name, weight in module.named_parameters()} == {
        "0.base.weight": False,
        "0.base.bias": False,
        "2.0.weight": True,
    }


def test_merging_keeps_the_function_and_leaves_other_kinds() -> None:
    module, inputs = model(), torch.randn(4, 3)
    wrap(module, ["0"], lambda _, layer: Doubled(layer))
    wrap(module, ["2.0"], lambda _, layer: Kept(layer))
    before = module(inputs)
    merge(module)
    assert type(module[0]) is nn.Linear
    assert isinstance(module.get_submodule("2.0"), Kept)
    assert torch.allclose(module(inputs), before, atol=1e-6)


def test_widths_and_bias_of_a_transposed_layer() -> None:
    plain, transposed, bare = Doubled(nn.Linear(3, 5)), Doubled(Conv1D(5, 3)), Doubled(nn.Linear(3, 5, bias=False))
    for layer in (plain, transposed, bare):
        assert (layer.inputs, layer.outputs) == (3, 5)
        assert layer(torch.randn(2, 3)).shape == (2, 5)
    assert (plain.transposed, transposed.transposed) == (False, True)
    assert bare.bias is None
    assert transposed.bias is transposed.base.get_parameter("bias")


def test_layer_of_another_library_with_the_same_name_is_not_wrapped() -> None:
    assert is_linear(Conv1D(5, 3))
    other = type("Conv1D", (nn.Module,), {})
    assert not is_linear(other())
    assert not is_linear(nn.Embedding(3, 5))
