from __future__ import annotations

import pytest
import torch
from torch import Tensor

from goldilocks.nets.backbones.base import Backbone, pool
from goldilocks.nets.tokenization.batching import Batch

HIDDEN = torch.tensor([[[1.0, -4.0], [3.0, -2.0], [9.0, 9.0]], [[5.0, 6.0], [9.0, 9.0], [9.0, 9.0]]])
MASK = torch.tensor([[1, 1, 0], [1, 0, 0]])


@pytest.mark.parametrize(
    ("how", "pooled"),
    [
        ("mean", [[2.0, -3.0], [5.0, 6.0]]),
        ("max", [[3.0, -2.0], [5.0, 6.0]]),
        ("first", [[1.0, -4.0], [5.0, 6.0]]),
        ("last", [[3.0, -2.0], [5.0, 6.0]]),
    ],
)
def test_pooling_is_over_the_tokens_without_padding(how: str, pooled: list[list[float]]) -> None:
    assert pool(HIDDEN, MASK, how).tolist() == pooled
    assert pool(HIDDEN.bfloat16(), MASK, how).dtype == torch.float32


def test_text_without_tokens_pools_to_zeros() -> None:
    nothing = torch.zeros_like(MASK)
    assert pool(HIDDEN, nothing, "mean").abs().sum() == 0
    assert pool(HIDDEN, nothing, "max").abs().sum() == 0


class _Counting(Backbone):
    """Block ``i`` adds ``10 ** i``."""

    depth, width = 3, 1

    def embed(self, batch: Batch) -> Tensor:
        hidden: Tensor = batch.ids.float()[..., None]
        return hidden

    def block(self, number: int, hidden: Tensor, mask: Tensor) -> Tensor:
        above: Tensor = hidden + 10.0**number
        return above


@pytest.mark.parametrize(
    ("start", "stop", "hidden", "expected"),
    [(0, None, None, 112.0), (0, 2, None, 12.0), (0, 0, None, 1.0), (2, None, 7.0, 107.0), (1, 2, 7.0, 17.0)],
)
def test_forward_runs_the_blocks_from_start_to_stop(
    start: int, stop: int | None, hidden: float | None, expected: float
) -> None:
    batch = Batch(torch.ones((1, 1), dtype=torch.long), torch.ones((1, 1), dtype=torch.long), {}, ())
    given = None if hidden is None else torch.full((1, 1, 1), hidden)
    assert _Counting()(batch, start=start, stop=stop, hidden=given).item() == expected
