from __future__ import annotations

import pytest
import torch
from torch import nn

from goldilocks.nets.training.slots import Slot
from goldilocks.nets.training.torch_optimizers import optimizer_for
from goldilocks.records import OptimizerName

RATES = (1e-2, 3e-2)
State = dict[str, torch.Tensor]


def slots(weights: list[nn.Parameter]) -> list[Slot]:
    return [
        Slot(str(number), weight.detach(), weight, peak=rate, decay=decay)
        for number, (weight, rate, decay) in enumerate(zip(weights, RATES, (0.01, 0.0), strict=True))
    ]


def gradients(step: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(step)
    return [torch.randn(shape, generator=generator) for shape in ((6, 4), (5,))]


@pytest.mark.parametrize("name", [OptimizerName.SGD, OptimizerName.ADAFACTOR])
def test_steps_are_those_of_torch_with_clipping(name: OptimizerName) -> None:
    start = [torch.ones(6, 4), torch.ones(5)]
    ours, theirs = ([nn.Parameter(weight.clone()) for weight in start] for _ in range(2))
    optimizer = optimizer_for(name, slots(ours), clip_norm=1.0)
    groups = [{"params": theirs[:1], "weight_decay": 0.01}, {"params": theirs[1:], "weight_decay": 0.0}]
    reference = (
        torch.optim.SGD(groups, lr=1.0, momentum=0.9, nesterov=True)
        if name is OptimizerName.SGD
        else torch.optim.Adafactor(groups)
    )
    for step in range(4):
        for mine, other, gradient in zip(ours, theirs, gradients(step), strict=True):
            mine.grad, other.grad = gradient.clone(), gradient.clone()
        nn.utils.clip_grad_norm_(theirs, 1.0)
        for group, rate in zip(reference.param_groups, RATES, strict=True):
            group["lr"] = rate * (1 - step / 4)
        reference.step()
        optimizer.step(1 - step / 4)
    for mine, other in zip(ours, theirs, strict=True):
        assert torch.allclose(mine, other, atol=1e-6)


@pytest.mark.parametrize("name", list(OptimizerName))
def test_an_optimiser_put_back_goes_on_as_if_it_had_not_stopped(name: OptimizerName) -> None:
    def run(steps: range, weights: list[nn.Parameter], state: State | None) -> State:
        optimizer = optimizer_for(name, slots(weights), clip_norm=0.0)
        if state is not None:
            optimizer.load_state(state, steps.start)
        for step in steps:
            for weight, gradient in zip(weights, gradients(step), strict=True):
                weight.grad = gradient
            optimizer.step(1.0)
        return {key: value.clone() for key, value in optimizer.state().items()}

    straight, cut = ([nn.Parameter(torch.ones(6, 4)), nn.Parameter(torch.ones(5))] for _ in range(2))
    run(range(6), straight, None)
    half = run(range(3), cut, None)
    run(range(3, 6), cut, half)
    for entry, other in zip(straight, cut, strict=True):
        assert torch.equal(entry, other)


@pytest.mark.parametrize("name", list(OptimizerName))
def test_a_gradient_that_is_not_finite_is_skipped(name: OptimizerName) -> None:
    weights = [nn.Parameter(torch.ones(6, 4)), nn.Parameter(torch.ones(5))]
    optimizer = optimizer_for(name, slots(weights), clip_norm=1.0)
    weights[0].grad = torch.full((6, 4), float("nan"))
    optimizer.step(1.0)
    assert torch.equal(weights[0].detach(), torch.ones(6, 4))
    assert optimizer.updates == 0
    assert weights[0].grad is None


def test_adafactor_remembers_a_row_and_a_column_of_a_matrix() -> None:
    weights = [nn.Parameter(torch.ones(6, 4)), nn.Parameter(torch.ones(5))]
    optimizer = optimizer_for(OptimizerName.ADAFACTOR, slots(weights), clip_norm=0.0)
    for weight, gradient in zip(weights, gradients(0), strict=True):
        weight.grad = gradient
    optimizer.step(1.0)
    numbers = sum(value.numel() for key, value in optimizer.state().items() if key.endswith("/0") and "step" not in key)
    assert numbers == 6 + 4  # AdamW: 2 * 24
