from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from goldilocks.nets.objectives.start_point import StartPointObjective
from goldilocks.nets.training.slots import Slot


class FakeNetwork:
    """Has the parameters of a network, and says what it was asked."""

    def __init__(self) -> None:
        self.module = nn.ModuleDict({"backbone": nn.Linear(2, 2), "head": nn.Linear(2, 2)})

    def targets(self, rows: Any, gold: Any) -> Any:
        return [gold[row] for row in rows]

    def backbone(self, batch: float) -> float:
        return batch + 1

    def loss(self, states: float, batch: float, targets: Any) -> tuple[float, float, Any]:
        return states, batch, targets


def objective(strength: float = 1.0, **options: Any) -> StartPointObjective:
    return StartPointObjective(FakeNetwork(), ("a", "b"), strength=strength, **options)  # type: ignore[arg-type]


def slot(name: str, values: list[list[float]], rows: list[int] | None = None, grad: float = 0.0) -> Slot:
    weight = nn.Parameter(torch.tensor(values))
    weight.grad = torch.full_like(weight, grad)
    return Slot(name, weight.data, weight, peak=0.1, decay=0.0, rows=None if rows is None else torch.tensor(rows))


def pulled(penalty: StartPointObjective, moved: Slot, by: float) -> list[list[float]]:
    """Gradients after all weights moved by ``by``."""
    penalty.before_step({moved.name: moved})
    moved.master.add_(by)
    penalty.before_step({moved.name: moved})
    assert moved.working.grad is not None
    return moved.working.grad.tolist()


def test_gradient_grows_by_strength_times_the_way_from_the_start() -> None:
    penalty, weight = objective(0.5), slot("backbone.weight", [[1.0]], grad=2.0)
    penalty.before_step({weight.name: weight})
    assert weight.working.grad is not None
    assert weight.working.grad.item() == 2.0  # at the start there is no way back
    weight.master.fill_(4.0)
    penalty.before_step({weight.name: weight})
    assert weight.working.grad.item() == 2.0 + 0.5 * (4.0 - 1.0)


def test_head_is_free_unless_it_has_been_trained_before() -> None:
    weights = [[0.0, 0.0], [0.0, 0.0]]
    assert pulled(objective(), slot("head.weight", weights), 3.0) == weights
    assert pulled(objective(free_head=False), slot("head.weight", weights), 3.0) == [[3.0, 3.0], [3.0, 3.0]]


def test_pull_is_in_proportion_to_importance() -> None:
    importance = {"w": torch.tensor([[1.0, 0.0], [4.0, 0.5]])}
    penalty = objective(2.0, importance=importance)
    assert pulled(penalty, slot("w", [[0.0, 0.0], [0.0, 0.0]]), 0.5) == [[1.0, 0.0], [4.0, 0.5]]


def test_table_of_which_only_some_rows_are_trained_gets_their_importance() -> None:
    importance = {"table": torch.tensor([[1.0], [2.0], [3.0], [4.0]])}
    penalty = objective(1.0, importance=importance)
    assert pulled(penalty, slot("table", [[0.0], [0.0]], rows=[1, 3]), 1.0) == [[2.0], [4.0]]


def test_weight_without_a_gradient_is_left_alone() -> None:
    penalty, weight = objective(), slot("backbone.weight", [[1.0]])
    weight.working.grad = None
    penalty.before_step({weight.name: weight})
    assert weight.working.grad is None
    assert penalty.state() == {}


def test_small_way_is_seen_though_the_working_copy_is_bfloat16() -> None:
    # From 1.0 the next bfloat16 is 1.0078: the working copy has not moved, the master has.
    working = nn.Parameter(torch.ones(2, dtype=torch.bfloat16))
    working.grad = torch.zeros_like(working)
    weight = Slot("backbone.weight", torch.ones(2), working, peak=0.1, decay=0.0)
    penalty = objective(100.0)
    penalty.before_step({weight.name: weight})
    weight.master.add_(1e-3)
    penalty.before_step({weight.name: weight})
    assert working.grad.dtype == torch.bfloat16
    assert working.grad.float().tolist() == pytest.approx([0.1, 0.1], rel=4e-3)


def test_continued_run_is_pulled_to_where_it_began() -> None:
    first, weight = objective(), slot("backbone.weight", [[1.0]])
    first.before_step({weight.name: weight})
    weight.master.fill_(5.0)
    again = objective()
    again.load_state(first.state())
    again.before_step({weight.name: weight})
    assert weight.working.grad is not None
    assert weight.working.grad.item() == 4.0
    assert first.state()["backbone.weight"].item() == 1.0


def test_targets_and_loss_are_those_of_the_network() -> None:
    penalty = objective()
    assert penalty.targets([1, 0, 1]) == ["b", "a", "b"]  # type: ignore[list-item]
    got: Any = penalty.loss(FakeNetwork(), 1.0, ["a"])  # type: ignore[arg-type]
    assert got == (2.0, 1.0, ["a"])
