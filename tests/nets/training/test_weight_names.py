from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from goldilocks import plugins
from goldilocks.nets.network import Network
from goldilocks.nets.training.weight_names import current_name, read_weights, with_current_names
from goldilocks.records import Goal, Output, Part


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


def _name_of_version_0_1(name: str) -> str:
    name = name.replace("backbone.", "trunk.", 1).replace(".channel_embeddings.", ".marks.")
    return name.replace(".start_transitions", ".first").replace(".transitions", ".moves")


def test_a_tagger_saved_by_version_0_1_predicts_as_it_did(tmp_path: Path) -> None:
    family = plugins.load("families", "recurrent")
    model = next(model for model in family.models() if model.name == "bilstm")
    texts, gold = (("Soup", "bread"), ("goal", "Bank")), (("B-LOC", "O"), ("O", "B-LOC"))
    network = family.create(model, None, Part(texts, gold, (0, 1)), Goal(Output.TAGS, ("B-LOC", "I-LOC", "O")), seed=0)
    assert isinstance(network, Network)
    with torch.no_grad():
        for weight in network.module.parameters():  # tables and transitions start at 0
            weight.add_(torch.randn_like(weight))
    expected = network.predict(texts)
    network.save(tmp_path)
    weights = load_file(tmp_path / "weights.safetensors")
    old = {_name_of_version_0_1(name): tensor for name, tensor in weights.items()}
    assert {"trunk.words.weight", "trunk.marks.shapes.weight"} < old.keys()
    assert any(name.endswith(".moves") for name in old)
    save_file(old, tmp_path / "weights.safetensors")

    predicted = family.restore(tmp_path).predict(texts)

    assert predicted.values == expected.values
    np.testing.assert_allclose(predicted.scores, expected.scores, rtol=1e-5)
