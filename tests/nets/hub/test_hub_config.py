"""Tests of ``nets/hub/config.py``."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from goldilocks.errors import InputError, IntegrityError, MissingError
from goldilocks.nets.hub.config import count_weights, read_config


def test_configuration_is_read(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    assert read_config(tmp_path) == {"model_type": "bert"}


def test_folder_without_configuration_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="folder in the Hub's format"):
        read_config(tmp_path)


@pytest.mark.parametrize(("content", "problem"), [("{", "not JSON"), ("[1]", "holds list; a configuration is")])
def test_what_is_no_configuration_is_named(tmp_path: Path, content: str, problem: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(InputError, match=problem):
        read_config(tmp_path)


def test_weights_are_counted_without_whole_numbers(tmp_path: Path) -> None:
    tensors = {"a": torch.zeros(3, 4), "b": torch.zeros(5).bfloat16(), "position_ids": torch.arange(7)}
    save_file(tensors, tmp_path / "model.safetensors")
    assert count_weights(tmp_path / "model.safetensors") == 3 * 4 + 5


@pytest.mark.parametrize("content", [b"", b"\x05\x00\x00\x00\x00\x00\x00\x00[{]}", b"\x02" + b"\x00" * 7 + b"[]"])
def test_what_is_no_safetensors_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(IntegrityError, match="not a safetensors file"):
        count_weights(tmp_path / "model.safetensors")
