from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from goldilocks.errors import IntegrityError
from goldilocks.pretrain.learner import Learner
from goldilocks.pretrain.objective import Batch, Documents
from goldilocks.pretrain.packing import Rows, Unit, row_kind
from goldilocks.pretrain.settings import PretrainSettings, Size

LENGTH = 4


class _Regression:
    """An objective that fits one linear layer to the sum of a row's ids."""

    again: int | None = None

    def row_length(self, length: int) -> int:
        return length

    def units(self, documents: Documents, seed: int) -> Iterator[Unit]:
        raise NotImplementedError

    def fresh(self, size: Size) -> nn.Module:
        raise NotImplementedError

    def read(self, folder: Path) -> nn.Module:
        raise NotImplementedError

    def batch(self, rows: Rows, draws: Sequence[np.random.Generator]) -> Batch:
        noise = [rng.random() for rng in draws]
        ids = torch.from_numpy(rows["ids"].astype(np.float32))
        return {"ids": ids, "noise": torch.tensor(noise, dtype=torch.float32)}

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        weight = next(model.parameters())
        given = model((batch["ids"] + 0.01 * batch["noise"][:, None]).to(weight.dtype))[:, 0].float()
        loss: Tensor = (given - batch["ids"].sum(1)).square().mean()
        return loss


def _rows(count: int = 100) -> Rows:
    rows = np.zeros(count, dtype=row_kind(LENGTH, 100))
    rows["ids"] = np.random.default_rng(0).integers(0, 3, (count, LENGTH))
    return rows


def _learner(count: int = 100, **more: Any) -> Learner:
    torch.manual_seed(0)
    settings = PretrainSettings(**{"length": LENGTH, "batch_rows": 8, "epochs": 4.0, **more})
    return Learner(nn.Linear(LENGTH, 1), _Regression(), _rows(count), settings, 3e-2)


def _weights(learner: Learner) -> dict[str, Tensor]:
    return {name: weight.clone() for name, weight in learner.model.state_dict().items()}


def test_loss_on_held_out_rows_falls_and_the_model_stays_in_float32(bfloat16: bool) -> None:
    learner = _learner()
    before = learner.score()
    while not learner.done:
        learner.advance()
    after = learner.score()
    assert before is not None
    assert after is not None
    assert after < before / 2
    assert {weight.dtype for weight in learner.model.parameters()} == {torch.float32}
    assert next(learner._work.parameters()).dtype in ({torch.float32, torch.bfloat16} if bfloat16 else {torch.float32})


def test_a_fiftieth_of_the_rows_is_held_out_and_none_of_few() -> None:
    assert len(_learner(100).held_out) == 2
    few = _learner(49)
    assert len(few.held_out) == 0
    assert few.score() is None


def test_every_row_is_learned_from_once_an_epoch() -> None:
    learner = _learner()
    orders = [sorted(learner._order_of(epoch).tolist()) for epoch in (0, 1)]
    assert orders[0] == orders[1] == sorted(set(range(100)) - set(learner.held_out.tolist()))
    assert learner._order_of(0).tolist() != learner._order_of(1).tolist()


@pytest.mark.parametrize(
    ("more", "steps"),
    [({"epochs": 2.0}, 26), ({"epochs": 0.5}, 6), ({"epochs": 0.0}, 0), ({"epochs": 0.001}, 1), ({"steps": 7}, 7)],
)
def test_steps_follow_from_epochs_or_are_given(more: dict[str, Any], steps: int) -> None:
    assert _learner(**more).steps == steps  # 98 rows in batches of 8: 13 steps an epoch


def test_a_run_cut_anywhere_and_continued_is_the_run_in_one(bfloat16: bool) -> None:
    whole = _learner()
    while not whole.done:
        whole.advance()
    first = _learner()
    for _ in range(5):
        first.advance()
    state, place = {name: tensor.clone() for name, tensor in first.state().items()}, first.place()
    second = _learner()
    second.load_state(state, place)
    while not second.done:
        second.advance()
    expected, got = _weights(whole), _weights(second)
    assert all(torch.equal(got[name], expected[name]) for name in expected), f"bfloat16: {bfloat16}"
    assert second.curve == whole.curve


def test_state_of_another_run_is_refused() -> None:
    learner = _learner()
    with pytest.raises(IntegrityError, match=r"does not fit this run \(KeyError"):
        learner.load_state({}, learner.place())
    wrong = {name: tensor.new_zeros(9, 9) for name, tensor in learner.state().items()}
    with pytest.raises(IntegrityError, match=r"does not fit this run \(RuntimeError"):
        learner.load_state(wrong, learner.place())
