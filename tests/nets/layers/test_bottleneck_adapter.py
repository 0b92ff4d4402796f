from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from goldilocks.nets.layers.bottleneck_adapter import BottleneckAdapter, default_width
from goldilocks.nets.layers.wrapped_linear import merge, wrap


def adapter(dtype: torch.dtype = torch.float32) -> BottleneckAdapter:
    torch.manual_seed(0)
    return BottleneckAdapter(nn.Linear(6, 10, dtype=dtype), width=3)


def test_untrained_it_is_the_layer_that_it_wraps() -> None:
    made, inputs = adapter(), torch.randn(2, 4, 6)
    assert torch.equal(made(inputs), made.base(inputs))


def test_trained_it_adds_the_bottleneck_of_the_outputs() -> None:
    made, inputs = adapter(), torch.randn(2, 4, 6)
    nn.init.normal_(made.up.weight)
    nn.init.normal_(made.up.bias)
    hidden = made.base(inputs)
    inner = F.gelu(hidden @ made.down.weight.T + made.down.bias)
    assert torch.allclose(made(inputs), hidden + inner @ made.up.weight.T + made.up.bias, atol=1e-6)


def test_only_the_bottleneck_learns_and_its_first_step_reaches_the_way_up() -> None:
    made = adapter()
    made(torch.randn(4, 6)).square().sum().backward()
    assert sorted(name for name, weight in made.named_parameters() if weight.requires_grad) == [
        *("down.bias", "down.weight", "up.bias", "up.weight")
    ]
    assert made.base.get_parameter("weight").grad is None
    assert made.up.weight.grad is not None
    assert float(made.up.weight.grad.abs().sum()) > 0


def test_it_has_the_precision_of_its_layer() -> None:
    made = adapter(torch.bfloat16)
    assert {weight.dtype for weight in made.parameters()} == {torch.bfloat16}
    assert made(torch.randn(2, 6, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_merging_leaves_it_in_place() -> None:
    module = nn.Sequential(nn.Linear(6, 10))
    wrap(module, ["0"], lambda _, layer: BottleneckAdapter(layer, width=3))
    merge(module)
    assert isinstance(module[0], BottleneckAdapter)
    with pytest.raises(NotImplementedError):
        module[0].merged()


def test_default_width_is_an_eighth_and_never_below_eight() -> None:
    assert [default_width(width) for width in (768, 384, 64, 32)] == [96, 48, 8, 8]
