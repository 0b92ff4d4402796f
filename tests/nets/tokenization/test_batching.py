from __future__ import annotations

import numpy as np
import torch

from goldilocks.nets.tokenization.batching import Row, by_length, padded

LENGTHS = [3, 9, 1, 8, 2, 9]


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


def test_short_texts_are_not_padded_to_twice_their_length_once_a_batch_is_worth_it() -> None:
    # 2 x 100 tokens are worth a batch, so that the texts of 30 begin another; 3 x 30 are not: the texts of 10 join it.
    lengths = [30, 100, 10, 30, 100, 30, 10]
    got = list(by_length(lengths, rows=64, tokens=8192, shortest=0.5))
    assert [sorted(lengths[place] for place in batch) for batch in got] == [[100, 100], [10, 10, 30, 30, 30]]
    assert len(list(by_length(lengths, rows=64, tokens=8192))) == 1


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
