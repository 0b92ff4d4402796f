from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from method_models import COUNTS, ENCODER, UNTRAINED

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.methods import lora, top_layers
from goldilocks.nets.network import Network
from goldilocks.records import ModelInfo
from goldilocks.testing import tiny

TABLE = replace(ENCODER, groups=("embeddings", "head"), depth=0)


@pytest.mark.parametrize(
    ("info", "fitting"),
    [
        (ENCODER, {"full", "head_only", "top_layers", "lora", "bias_only"}),
        (UNTRAINED, {"scratch"}),
        (COUNTS, {"scratch"}),
        (TABLE, {"full", "head_only"}),
    ],
)
def test_methods_fit_the_models_they_are_for(info: ModelInfo, fitting: set[str]) -> None:
    ours = {"scratch", "full", "head_only", "top_layers", "lora", "bias_only"}
    assert {name for name in ours if plugins.load("methods", name).incompatibility(info) is None} == fitting


def network(tmp_path: Path) -> Network:
    family = plugins.load("families", "encoder")
    folder = tiny.encoder_folder(tmp_path, depth=3)
    info = family.describe(folder, str(folder))
    assert info is not None
    made = family.create(info, folder, tiny.part(), tiny.GOAL, seed=0)
    assert isinstance(made, Network)
    return made


def learning(encoder: Network) -> set[str]:
    return {name for name, weight in encoder.module.named_parameters() if weight.requires_grad}


@pytest.mark.parametrize(("layers", "lowest"), [(0, 2), (1, 2), (2, 1), (3, 0), (9, 0)])
def test_top_layers_learn_from_the_block_asked_for(layers: int, lowest: int, tmp_path: Path) -> None:
    encoder = network(tmp_path)
    top_layers.prepare(encoder, top_layers.Options(layers=layers))
    assert encoder.frozen_blocks() == lowest
    assert all(encoder.block_of(name) >= lowest for name in learning(encoder))


def test_bias_only_leaves_every_matrix_alone(tmp_path: Path) -> None:
    encoder = network(tmp_path)
    method = plugins.load("methods", "bias_only")
    method.prepare(encoder, method.Options())
    weights = dict(encoder.module.named_parameters())
    assert {name for name in learning(encoder) if weights[name].ndim > 1} == {"head.weight"}
    # In each of 3 blocks: qkv, out, up, down and two norms; the embedding norm; the head.
    assert len([name for name in learning(encoder) if name.endswith("bias")]) == 3 * 6 + 1 + 1


def test_lora_rank_must_be_above_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="rank is 0"):
        lora.prepare(network(tmp_path), lora.Options(rank=0))


def test_lora_names_the_groups_there_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no linear layer in the groups norm; there are embeddings, attention"):
        lora.prepare(network(tmp_path), lora.Options(roles=("norm",)))
