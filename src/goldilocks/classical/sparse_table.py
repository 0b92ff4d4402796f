"""Sparse tables read from the files of a model, checked before native code follows their indices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import scipy.sparse as sp


def sparse_table(
    values: npt.NDArray[Any], columns: npt.NDArray[Any], starts: npt.NDArray[Any], n_columns: int
) -> sp.csr_array:
    """The table of these arrays, ``(len(starts) - 1, n_columns)``, float32.

    Args:
        values: ``(n_values,)``, row by row.
        columns: ``(n_values,)``, the column of each value.
        starts: ``(n_rows + 1,)``, where each row starts.
        n_columns: Columns of the table.

    Raises:
        ValueError: the arrays are not those of a table, such as columns beyond its width or floats as indices.
    """
    import scipy.sparse as sp

    if not (np.issubdtype(columns.dtype, np.integer) and np.issubdtype(starts.dtype, np.integer)):
        raise ValueError(f"indices of a sparse table are {columns.dtype} and {starts.dtype}, not integers")
    indices = (columns.astype(np.int64), starts.astype(np.int64))
    table = sp.csr_array((values.astype(np.float32), *indices), shape=(len(starts) - 1, n_columns))
    table.check_format(full_check=True)
    return table
