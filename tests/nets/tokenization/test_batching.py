from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import torch

from goldilocks.nets.tokenization.batching import Row, by_length, cheapest, padded

LENGTHS = [3, 9, 1, 8, 2, 9]


def _spelled(lengths: list[int], batches: Iterable[list[int]]) -> list[list[int]]:
    return [[lengths[place] for place in batch] for batch in batches]


def test_batches_hold_texts_of_similar_length_longest_first() -> None:
    assert list(by_length(LENGTHS, rows=2, tokens=100)) == [[1, 5], [3, 0], [4, 2]]


def test_a_batch_stays_within_its_tokens_padding_included() -> None:
    batches = list(by_length(LENGTHS, rows=10, tokens=16))
    # 9 and 9 would be 18; 8 and 3 take 2 * 8 = 16; 2 and 1 take 4.
    assert batches == [[1], [5], [3, 0], [4, 2]]


def test_one_text_longer_than_a_batch_is_a_batch_of_its_own() -> None:
    assert list(by_length([50, 1], rows=4, tokens=10)) == [[0], [1]]


def test_shuffled_batches_hold_every_text_once_and_follow_from_the_seed() -> None:
    lengths = list(range(1, 60))
    first, again, other = (
        list(by_length(lengths, rows=4, tokens=200, rng=np.random.default_rng(seed))) for seed in (0, 0, 1)
    )
    assert first == again != other
    assert sorted(row for batch in first for row in batch) == list(range(59))
    assert all(max(len(batch) * lengths[row] for row in batch) <= 200 for batch in first)


def test_texts_share_a_batch_where_padding_costs_less_than_a_batch_of_their_own() -> None:
    lengths = [30, 100, 10, 30, 100, 30, 10]
    # 28 for a batch, and its tokens: 3 x 30 + 28 and 2 x 10 + 28 are 166; together they are 5 x 30 + 28 = 178.
    apart = [[100, 100], [30, 30, 30], [10, 10]]
    assert _spelled(lengths, cheapest(lengths, rows=64, tokens=8192, overhead=28)) == apart
    # 50 for a batch: 90 + 50 and 20 + 50 are 210; together they are 5 x 30 + 50 = 200.
    together = [[100, 100], [30, 30, 30, 10, 10]]
    assert _spelled(lengths, cheapest(lengths, rows=64, tokens=8192, overhead=50)) == together
    assert len(list(cheapest(lengths, rows=64, tokens=8192, overhead=10_000))) == 1


def test_cheapest_batches_are_as_cheap_as_the_best_of_all_divisions() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        lengths = rng.integers(1, 60, 8).tolist()
        got = list(cheapest(lengths, rows=4, tokens=150, overhead=20))
        assert sorted(place for batch in got for place in batch) == list(range(8))
        assert all(len(batch) <= 4 for batch in got)

        ranked = sorted(lengths, reverse=True)
        every = []
        for cuts in range(2**7):  # each subset of the places between neighbours
            edges = [0, *(place + 1 for place in range(7) if cuts >> place & 1), 8]
            parts = [ranked[begin:end] for begin, end in pairwise(edges)]
            if all(len(part) <= 4 and (len(part) == 1 or part[0] * len(part) <= 150) for part in parts):
                every.append(sum(20 + part[0] * len(part) for part in parts))
        assert sum(20 + lengths[batch[0]] * len(batch) for batch in got) == min(every)


def test_cheapest_batches_hold_a_text_longer_than_a_batch_alone() -> None:
    assert list(cheapest([50, 1], rows=4, tokens=10, overhead=5)) == [[0], [1]]
    assert list(cheapest([], rows=4, tokens=10, overhead=5)) == []


def test_no_texts_give_no_batches() -> None:
    assert list(by_length([], rows=2, tokens=10)) == []


def test_rows_are_padded_to_the_longest_of_their_batch() -> None:
    rows = [
        Row(np.array(ids, dtype=np.int32), channels={"types": np.array(types, dtype=np.int32)})
        for ids, types in (([5, 6, 7], [0, 1, 1]), ([8], [1]))
    ]
    batch = padded(rows, pad_id=9)
    assert batch.ids.tolist() == [[5, 6, 7], [8, 9, 9]]
    assert batch.mask.tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch.channels["types"].tolist() == [[0, 1, 1], [1, 0, 0]]
    assert batch.rows == rows
    assert {tensor.dtype for tensor in (batch.ids, batch.mask, batch.channels["types"])} == {torch.int64}


def test_batch_on_a_device_has_every_tensor_there() -> None:
    row = Row(np.array([5], dtype=np.int32), channels={"types": np.array([0], dtype=np.int32)})
    moved = padded([row], 0).to(torch.device("meta"))
    assert {tensor.device.type for tensor in (moved.ids, moved.mask, moved.channels["types"])} == {"meta"}
