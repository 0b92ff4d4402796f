from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from goldilocks.support.safetensors_file import check_header, write_arrays


def test_arrays_of_any_memory_layout_are_written_with_their_values(tmp_path: Path) -> None:
    table = np.arange(6.0).reshape(2, 3)

    write_arrays(tmp_path / "a.safetensors", {"columns": table.T, "every second": table[:, ::2]})

    arrays = load_file(tmp_path / "a.safetensors")
    assert arrays["columns"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert arrays["every second"].tolist() == [[0, 2], [3, 5]]
    assert set(check_header(tmp_path / "a.safetensors")) == {"columns", "every second"}
