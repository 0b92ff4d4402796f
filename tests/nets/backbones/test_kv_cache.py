from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from goldilocks.nets.backbones.kv_cache import AttentionContext, GrowingKVCache


def _tokens(*values: float, rows: int = 1) -> Tensor:
    """Keys (or values) of one head of width 1, ``(rows, 1, n_tokens, 1)``."""
    return torch.tensor(values).view(1, 1, -1, 1).expand(rows, 1, -1, 1).clone()


def _append(cache: GrowingKVCache, *values: float, rows: int = 1) -> list[list[float]]:
    keys, doubled = cache.append(0, _tokens(*values, rows=rows), 2 * _tokens(*values, rows=rows))
    cache.advance(len(values))
    assert torch.equal(doubled, 2 * keys)
    return [[float(key) for key in row.flatten()] for row in keys]


def test_keys_and_values_come_back_in_the_order_of_the_tokens() -> None:
    cache = GrowingKVCache()
    assert _append(cache, 1, 2) == [[1, 2]]
    assert _append(cache, 3) == [[1, 2, 3]]


def test_cache_grows_beyond_its_room_without_losing_a_token() -> None:
    cache = GrowingKVCache()
    for number in range(500):
        (row,) = _append(cache, float(number))
    assert row == [float(number) for number in range(500)]
    # Geometric growth: 64 spare tokens and then half as many again, so that 500 steps allocate few times.
    assert cache._layers[0][0].shape[2] <= 500 * 3 // 2 + 64


def test_repeated_rows_continue_independently_of_the_row_they_copy() -> None:
    cache = GrowingKVCache()
    _append(cache, 1, 2)
    copied = cache.repeat(2)
    assert _append(copied, 3, rows=2) == [[1, 2, 3], [1, 2, 3]]
    assert _append(cache, 4) == [[1, 2, 4]]


def test_selected_rows_stay_in_the_order_asked_for() -> None:
    cache = GrowingKVCache()
    cache.append(0, torch.arange(3.0).view(3, 1, 1, 1), torch.zeros(3, 1, 1, 1))
    cache.advance(1)
    cache.select(torch.tensor([2, 0]))
    keys, _ = cache.append(0, torch.full((2, 1, 1, 1), 9.0), torch.zeros(2, 1, 1, 1))
    assert keys.flatten(1).tolist() == [[2, 9], [0, 9]]


def test_dropped_tokens_are_overwritten_by_the_next() -> None:
    cache = GrowingKVCache()
    _append(cache, 1, 2, 3)
    cache.drop_last(2)
    assert _append(cache, 7) == [[1, 7]]


def test_rotary_angles_are_position_over_theta_to_the_share_of_the_width() -> None:
    context = AttentionContext(torch.tensor([[0, 3]]))
    cosine, sine = context.rotary_angles(100.0, 4, torch.float32)
    # Widths 0 and 2 of 4: frequencies 1 and 100 ** -0.5 = 0.1; each occurs twice.
    angles = [[0.0] * 4, [3.0, 0.3, 3.0, 0.3]]
    assert cosine[0, 0].tolist() == [pytest.approx([math.cos(a) for a in row]) for row in angles]
    assert sine[0, 0].tolist() == [pytest.approx([math.sin(a) for a in row], abs=1e-7) for row in angles]


def test_window_masks_what_is_further_back_and_what_comes_later() -> None:
    context = AttentionContext.uncached(1, 4, torch.device("cpu"))
    mask = context.windowed_mask(2)
    assert mask is not None
    assert mask[0, 0].long().tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]
    assert context.windowed_mask(0) is None
    assert context.windowed_mask(4) is None


def test_window_narrows_a_mask_that_is_there() -> None:
    attention_mask = torch.tensor([[[[True, False, True, True]]]])  # the second token is padding
    context = AttentionContext(torch.tensor([[2]]), attention_mask, torch.tensor([[0, 1, 1, 2]]))
    mask = context.windowed_mask(2)
    assert mask is not None
    assert mask.flatten().tolist() == [False, False, True, True]


def test_context_on_a_device_has_everything_there() -> None:
    indices = torch.zeros(1, dtype=torch.long)
    context = AttentionContext(torch.zeros(1, 1), torch.ones(1, 1, 1, 1), torch.zeros(1, 1), indices, indices)
    moved = context.to(torch.device("meta"))
    given = (moved.positions, moved.attention_mask, moved.key_positions, moved.unpadded, moved.outputs)
    assert [None if tensor is None else tensor.device.type for tensor in given] == ["meta"] * 5
    assert context.to(torch.device("cpu")).outputs is not None
