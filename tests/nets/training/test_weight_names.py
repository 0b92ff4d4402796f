from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from goldilocks.nets.training.weight_names import current_name, read_weights, with_current_names


@pytest.mark.parametrize(
    ("saved", "today"),
    [
        ("trunk.words.weight", "backbone.words.weight"),
        ("second/trunk.blocks.0.qkv.weight", "second/backbone.blocks.0.qkv.weight"),
        ("trunk.marks.shapes.weight", "backbone.channel_embeddings.shapes.weight"),
        ("backbone.marks.weight", "backbone.channel_embeddings.weight"),
        ("backbone.inner.marks.suffixes.weight", "backbone.inner.channel_embeddings.suffixes.weight"),
        ("head.chain.moves", "head.chain.transitions"),
        ("first/head.2.chain.first", "first/head.2.chain.start_transitions"),
    ],
)
def test_names_of_older_versions_become_todays(saved: str, today: str) -> None:
    assert current_name(saved) == today
    assert current_name(today) == today


@pytest.mark.parametrize("name", ["head.first.weight", "head.cell.weight_hh_l0", "backbone.model.remarks.weight"])
def test_other_names_stay(name: str) -> None:
    assert current_name(name) == name


def test_a_file_of_an_older_version_is_read_under_todays_names(tmp_path: Path) -> None:
    save_file({"trunk.words.weight": torch.ones(2), "head.bias": torch.zeros(1)}, tmp_path / "weights.safetensors")
    weights = read_weights(tmp_path / "weights.safetensors")
    assert weights["backbone.words.weight"].tolist() == [1.0, 1.0]
    assert weights.keys() == {"backbone.words.weight", "head.bias"}
    assert with_current_names({}) == {}
