from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from goldilocks.errors import InputError, IntegrityError, MissingError
from goldilocks.nets.training.checkpoints import read_checkpoint, write_checkpoint


def test_what_was_written_last_is_read(tmp_path: Path) -> None:
    for step in (1, 2):
        write_checkpoint(tmp_path / "run", {"step": step}, {"weight": torch.full((2,), float(step))})
    facts, tensors = read_checkpoint(tmp_path / "run")
    assert facts["step"] == 2
    assert tensors["weight"].tolist() == [2.0, 2.0]
    assert len(list((tmp_path / "run").glob("state-*.safetensors"))) == 1


def test_killed_before_the_index_is_written_the_checkpoint_before_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_checkpoint(tmp_path, {"step": 1}, {"weight": torch.ones(1)})

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("goldilocks.nets.training.checkpoints.write_text", killed)
    with pytest.raises(KeyboardInterrupt):
        write_checkpoint(tmp_path, {"step": 2}, {"weight": torch.zeros(1)})
    facts, tensors = read_checkpoint(tmp_path)
    assert (facts["step"], tensors["weight"].item()) == (1, 1.0)


def test_folder_without_a_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="holds no checkpoint"):
        read_checkpoint(tmp_path)


def test_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_checkpoint(tmp_path / "file", {}, {"weight": torch.ones(1)})


def test_checkpoint_of_another_version_is_refused(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, {}, {"weight": torch.ones(1)})
    index = json.loads((tmp_path / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps(index | {"version": 99}))
    with pytest.raises(IntegrityError, match="format version 99, this reads 1"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize("content", ["{", "{}", "[]"])
def test_damaged_index_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(IntegrityError, match="is damaged"):
        read_checkpoint(tmp_path)


def test_tensors_cut_short_are_named(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, {}, {"weight": torch.ones(100)})
    (state,) = tmp_path.glob("state-*.safetensors")
    state.write_bytes(state.read_bytes()[:-40])
    with pytest.raises(IntegrityError, match="is damaged"):
        read_checkpoint(tmp_path)
