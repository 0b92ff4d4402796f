"""Training options that a search cannot use: refused before anything is read or written."""

from __future__ import annotations

from pathlib import Path

import pytest

import goldilocks
from goldilocks.errors import InputError
from goldilocks.settings import RunSettings, task_from


def test_early_stopping_is_for_tune(tmp_path: Path) -> None:
    spec = task_from({"data": {"train": "rows.jsonl"}, "training": {"patience": 2}}, folder=tmp_path)

    with pytest.raises(InputError, match="leave it out and tune the winner with --patience afterwards") as caught:
        goldilocks.select(spec, RunSettings(out=tmp_path / "run"))

    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()
