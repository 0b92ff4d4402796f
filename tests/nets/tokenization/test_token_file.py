from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from goldilocks.errors import InputError
from goldilocks.nets.tokenization.batching import Row
from goldilocks.nets.tokenization.token_file import TokenFile


def test_token_rows_come_back_with_their_channels(tmp_path: Path) -> None:
    rows = TokenFile(tmp_path)
    ids, types = np.array([2, 7, 3], np.int32), np.array([0, 1, 1], np.int32)
    rows.append(Row(ids, 0, {"types": types}))
    rows.append(Row(ids[:1], 5, {"types": types[:1]}))
    assert [row.item for row in rows] == [0, 5]
    assert rows[0].ids.tolist() == [2, 7, 3]
    assert rows[0].channels["types"].tolist() == [0, 1, 1]
    assert len(rows[1]) == 1


def test_rows_with_more_than_tokens_are_refused(tmp_path: Path) -> None:
    row = Row(np.array([2, 3], np.int32), 0, places=np.array([0], np.int32))
    with pytest.raises(InputError, match="leave it out for this candidate"):
        TokenFile(tmp_path).append(row)


def test_rows_without_channels_come_back_one_by_one_and_in_order(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    wanted = [Row(rng.integers(0, 99, size).astype(np.int32), size) for size in (1, 300, 2, 40)]
    rows = TokenFile(tmp_path)
    for row in wanted:
        rows.append(row)
    assert len(rows) == 4
    for got, row in zip(rows, wanted, strict=True):
        assert (got.item, got.channels) == (row.item, {})
        assert got.ids.dtype == np.int32
        assert np.array_equal(got.ids, row.ids)
    assert [row.item for row in rows[1:3]] == [300, 2]
    assert list(tmp_path.iterdir()) == []  # the file has no name: it is gone with the process


def test_rows_with_other_channels_than_the_first_are_refused_in_one_line(tmp_path: Path) -> None:
    rows = TokenFile(tmp_path)
    ids = np.array([2, 3], np.int32)
    rows.append(Row(ids, 0))
    with pytest.raises(InputError, match=r"data\.stream is for networks that classify whole items") as caught:
        rows.append(Row(ids, 1, {"types": ids}))
    assert "\n" not in str(caught.value)
    assert len(rows) == 1
