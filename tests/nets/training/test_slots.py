from __future__ import annotations

import pytest
import torch
from torch import nn

from goldilocks.nets.training.slots import Slot, gradient_norm


def slot(weight: nn.Parameter, rows: list[int] | None = None) -> Slot:
    of_table = None if rows is None else torch.tensor(rows)
    return Slot("weight", weight.detach().float(), weight, peak=1e-3, decay=0.0, rows=of_table)


def parameters(dtype: torch.dtype) -> list[nn.Parameter]:
    """Weights with gradients of very different sizes."""
    generator = torch.Generator().manual_seed(0)
    weights = [nn.Parameter(torch.zeros(shape, dtype=dtype)) for shape in ((3, 4), (5,), (2, 2))]
    for power, weight in enumerate(weights):
        weight.grad = (torch.randn(weight.shape, generator=generator) * 10.0**power).to(dtype)
    return weights


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.bfloat16, 4e-3)])
def test_norm_is_that_of_torch_over_all_gradients(dtype: torch.dtype, tolerance: float) -> None:
    weights = parameters(dtype)
    flat = torch.cat([weight.grad.double().flatten() for weight in weights if weight.grad is not None])
    assert gradient_norm([slot(weight) for weight in weights]) == pytest.approx(float(flat.norm()), rel=tolerance)


def test_weights_without_a_gradient_do_not_count() -> None:
    weights = parameters(torch.float32)
    expected = gradient_norm([slot(weight) for weight in weights[:2]])
    weights[2].grad = None
    assert gradient_norm([slot(weight) for weight in weights]) == expected
    assert gradient_norm([slot(nn.Parameter(torch.ones(2)))]) == 0.0
    assert gradient_norm([]) == 0.0


def test_norm_of_a_gradient_that_is_not_finite_is_not_finite() -> None:
    weights = parameters(torch.float32)
    assert weights[0].grad is not None
    weights[0].grad[0, 0] = float("nan")
    assert gradient_norm([slot(weight) for weight in weights]) != gradient_norm([slot(weight) for weight in weights])


def test_part_of_a_table_is_taken_by_its_rows() -> None:
    table = torch.arange(8.0).reshape(4, 2)
    assert slot(nn.Parameter(torch.zeros(2, 2)), rows=[3, 1]).rows_of(table).tolist() == [[6.0, 7.0], [2.0, 3.0]]
    assert slot(nn.Parameter(torch.zeros(4, 2))).rows_of(table) is table


def test_moments_begin_at_zero_in_float32_whatever_the_working_copy_is() -> None:
    own = slot(nn.Parameter(torch.ones(2, 3, dtype=torch.bfloat16)))
    own.begin_moments()
    for moment in (own.first, own.second):
        assert moment.dtype == torch.float32
        assert torch.equal(moment, torch.zeros(2, 3))
    assert own.first is not own.second
    assert own.steps.item() == 0
