from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from goldilocks.nets.layers.adalora import AdaLoraLinear
from goldilocks.nets.layers.wrapped_linear import wrap
from goldilocks.nets.objectives.adalora import AdaLoraObjective, budget


@dataclass
class FakeNetwork:
    module: nn.Module


@dataclass
class FakeSlot:
    master: Tensor
    working: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.working = self.master


def wrapped() -> tuple[nn.Sequential, list[AdaLoraLinear]]:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(8, 12), nn.GELU(), nn.Linear(12, 4))
    wrap(module, ["0", "2"], lambda _, layer: AdaLoraLinear(layer, rank=3, alpha=6))
    result = [layer for layer in module if isinstance(layer, AdaLoraLinear)]
    for layer in result:
        nn.init.normal_(layer.values)
    return module, result


def test_budget_falls_along_the_cubic_curve_of_the_paper() -> None:
    # Half way between 0.1 and 0.7: 50 + 50 · 0.5³ = 56.25.
    assert [budget(at, first=100, last=50, warmup=0.1, final=0.3) for at in (0, 0.05, 0.4, 0.7, 1)] == [
        *(100, 100),
        *(56, 50, 50),
    ]


def test_least_important_singular_values_of_all_layers_are_pruned() -> None:
    module, ours = wrapped()
    objective = AdaLoraObjective(
        FakeNetwork(module),  # type: ignore[arg-type]
        (),
        target_rank=2,
        penalty=0.1,
        warmup=0.1,
        final=0.3,
    )
    slots: dict[str, Any] = {name: FakeSlot(weight) for name, weight in module.named_parameters()}
    # Only the singular values have gradients: 0.1 to 0.6 times a value of 1, so importance rises in this order.
    for number, layer in enumerate(ours):
        for weight in layer.parameters():
            weight.grad = torch.zeros_like(weight)
        layer.values.data.fill_(1.0)
        layer.values.grad = torch.arange(3) / 10 + 0.1 + 0.3 * number
    objective.before_step(slots)
    objective.after_step(slots, 0.05)
    assert all(bool((layer.values == 1).all()) for layer in ours)  # warm-up

    objective.after_step(slots, 0.9)  # 2 layers with a mean rank of 2: four of six stay

    assert ours[0].values.tolist() == [0, 0, 1]
    assert ours[1].values.tolist() == [1, 1, 1]


def test_importance_survives_a_checkpoint() -> None:
    module, ours = wrapped()
    for weight in module.parameters():
        weight.grad = torch.ones_like(weight)
    slots: dict[str, Any] = {name: FakeSlot(weight) for name, weight in module.named_parameters()}
    kind: dict[str, Any] = {"target_rank": 2, "penalty": 0.1, "warmup": 0.1, "final": 0.3}
    first = AdaLoraObjective(FakeNetwork(module), (), **kind)  # type: ignore[arg-type]
    first.before_step(slots)
    second = AdaLoraObjective(FakeNetwork(module), (), **kind)  # type: ignore[arg-type]
    second.load_state(first.state())
    assert first.state().keys() == second.state().keys()
    assert all(torch.equal(value, second.state()[name]) for name, value in first.state().items())
    assert len(first.state()) == 2 * 3 * len(ours)
