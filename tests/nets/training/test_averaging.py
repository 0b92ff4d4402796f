from __future__ import annotations

import pytest
import torch

from goldilocks.nets.training.averaging import WeightAverage
from goldilocks.nets.training.slots import Slot
from goldilocks.records import Averaging, TrainingConfig

PLAIN = {"epochs": 1, "learning_rate": 1.0, "head_learning_rate": 1.0}


def slot(value: float) -> Slot:
    weight = torch.full((2,), value)
    return Slot("w", weight, weight, peak=1.0, decay=0.0)


def averaged(average: WeightAverage, weight: Slot) -> float:
    with average.applied([weight]):
        return float(weight.master[0])


def test_swa_is_the_plain_mean_of_the_last_part() -> None:
    average = WeightAverage(TrainingConfig(**PLAIN, average=Averaging.SWA, swa_start=0.5))  # type: ignore[arg-type]
    weight = slot(0.0)
    for step in range(4):
        weight.master.fill_(step)
        average.update([weight], (step + 0.5) / 4)
    # Only the steps at 0.625 and 0.875 count: (2 + 3) / 2.
    assert averaged(average, weight) == pytest.approx(2.5)
    assert float(weight.master[0]) == 3.0  # afterwards the last weights are back


def test_ema_forgets_by_its_decay() -> None:
    average = WeightAverage(TrainingConfig(**PLAIN, average=Averaging.EMA, ema_decay=0.5))  # type: ignore[arg-type]
    weight = slot(0.0)
    expected = None
    for step in range(20):
        weight.master.fill_(step)
        average.update([weight], step / 20)
        decay = min(0.5, (step + 1) / (10 + step))
        expected = float(step) if expected is None else decay * expected + (1 - decay) * step
    assert averaged(average, weight) == pytest.approx(expected)


def test_an_average_put_back_continues() -> None:
    config = TrainingConfig(**PLAIN, average=Averaging.SWA, swa_start=0.0)  # type: ignore[arg-type]
    straight, first, second = WeightAverage(config), WeightAverage(config), WeightAverage(config)
    weight = slot(0.0)
    for step in range(6):
        weight.master.fill_(step**2)
        straight.update([weight], step / 6)
        if step == 3:
            second.load_state(first.state(), first.count)
        (first if step < 3 else second).update([weight], step / 6)
    assert averaged(straight, weight) == pytest.approx((0 + 1 + 4 + 9 + 16 + 25) / 6)
    assert averaged(second, weight) == pytest.approx(averaged(straight, weight))


def test_without_an_average_the_weights_answer() -> None:
    average = WeightAverage(TrainingConfig(**PLAIN))  # type: ignore[arg-type]
    weight = slot(7.0)
    average.update([weight], 0.9)
    assert averaged(average, weight) == 7.0
    assert average.state() == {}
