from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from goldilocks.classical.sparse_table import sparse_table

VALUES = np.array([1.0, 2.0, 3.0], dtype=np.float32)


@pytest.mark.parametrize("kind", [np.int8, np.int32, np.uint16, np.int64])
def test_table_of_any_kind_of_integers_is_restored(kind: type[np.integer]) -> None:
    table = sparse_table(VALUES.astype(np.float16), np.array([0, 2, 1], kind), np.array([0, 2, 2, 3], kind), 3)
    assert table.toarray().tolist() == [[1, 0, 2], [0, 0, 0], [0, 3, 0]]
    assert table.dtype == np.float32


@pytest.mark.parametrize(
    ("columns", "starts"),
    [
        ([0, 3, 1], [0, 2, 3]),  # beyond the width
        ([0, -1, 1], [0, 2, 3]),
        ([0, 1, 2], [0, 9, 3]),  # rows that overlap
        ([0, 1, 2], [0, 2, 9]),  # more values than there are
        ([0, 1, 2], [1, 2, 3]),
        ([0, 1], [0, 2, 3]),
        ([0.0, 1.0, 2.0], [0, 2, 3]),
    ],
)
def test_indices_that_lead_elsewhere_are_refused(columns: list[float], starts: list[int]) -> None:
    arrays: tuple[npt.NDArray[np.generic], npt.NDArray[np.generic]] = (np.array(columns), np.array(starts))
    with pytest.raises(ValueError, match=r"."):
        sparse_table(VALUES, *arrays, 3)
