"""Encoders as checkpoints, read back by our own BERT; by transformers: ``tests/exporters/test_hub_export.py``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from goldilocks.nets.additions import Addition, add
from goldilocks.nets.backbones.base import pool
from goldilocks.nets.backbones.bert import BertBackbone, read_backbone, read_options
from goldilocks.nets.export.hub_encoder import incompatibility, save_hub
from goldilocks.nets.heads.pair_scorer import CosineHead, PairScorer
from goldilocks.nets.heads.token_classifier import TokenClassifier
from goldilocks.nets.network import Network
from goldilocks.nets.tokenization.batching import padded
from goldilocks.records import Goal, Output
from goldilocks.testing import tiny

CASES = {case.name: case for case in tiny.cases(set(Output))}


def encoder(folder: Path, name: str) -> Network:
    """An encoder with a head whose scores differ widely."""
    network = tiny.encoder(folder, CASES[name].part, CASES[name].goal)
    torch.manual_seed(1)
    for weight in network.head.parameters():
        nn.init.normal_(weight, std=1.0)
    return network


def saved(network: Network, folder: Path, normalisation: str = "") -> tuple[BertBackbone, dict[str, Tensor], Any]:
    """The backbone as it is read from the folder, all weights there, and the configuration."""
    folder.mkdir()
    save_hub(network, folder, normalisation=normalisation)
    config = json.loads((folder / "config.json").read_text())
    options = read_options(config)
    assert options is not None
    backbone = read_backbone(folder, options, config["model_type"])
    return backbone.eval(), load_file(folder / "model.safetensors"), config


def scores(backbone: BertBackbone, weights: dict[str, Tensor], network: Network, texts: Any) -> Tensor:
    """As ``BertForSequenceClassification``: the first token through dense layer, tanh and classifier."""
    batch = padded(network.rows(texts), network.config.pad_id)
    with torch.no_grad():
        first = backbone(batch)[:, 0]
    dense = F.linear(first, weights["bert.pooler.dense.weight"], weights["bert.pooler.dense.bias"])
    return F.linear(torch.tanh(dense), weights["classifier.weight"], weights["classifier.bias"])


@pytest.mark.parametrize(("pooling", "layers"), [("mean", 3), ("first", 2)])
@pytest.mark.parametrize("name", ["en", "pairs"])
def test_sequence_classifier_gives_the_probabilities_of_the_network(
    tmp_path: Path, name: str, pooling: str, layers: int
) -> None:
    network = encoder(tmp_path / "checkpoint", name)
    network.config = replace(network.config, pooling=pooling)
    assert incompatibility(network) is None

    backbone, weights, config = saved(network, tmp_path / "hub")

    assert config["num_hidden_layers"] == backbone.depth == layers
    assert config["architectures"] == ["BertForSequenceClassification"]
    assert config["id2label"] == {"0": "food", "1": "money", "2": "sport"}
    assert config["problem_type"] == "single_label_classification"
    texts = [*CASES[name].part.texts[:5], *CASES[name].odd[:2]]  # of different length, so that there is padding
    wanted = network.predict(texts).probabilities
    got = scores(backbone, weights, network, texts).softmax(-1)
    assert got.numpy() == pytest.approx(wanted, abs=1e-5)
    assert float(wanted.max() - wanted.min()) > 0.5


def test_several_labels_are_named_as_such(tmp_path: Path) -> None:
    network = encoder(tmp_path / "checkpoint", "several")
    backbone, weights, config = saved(network, tmp_path / "hub")
    assert config["problem_type"] == "multi_label_classification"
    texts = CASES["several"].part.texts[:4]
    got = scores(backbone, weights, network, texts).sigmoid()
    assert got.numpy() == pytest.approx(network.predict(texts).probabilities, abs=1e-5)


@pytest.mark.parametrize("name", ["ranking", "scores"])  # their matrices move at different paces
def test_bi_encoder_is_pooled_turned_and_normalised(tmp_path: Path, name: str) -> None:
    network = encoder(tmp_path / "checkpoint", name)
    assert isinstance(network, PairScorer)
    if not network.options.bi_encoder:
        network = network._as_bi_encoder()
        nn.init.normal_(cast(CosineHead, network.head).turn.weight)
    assert isinstance(network.head, CosineHead)
    folder = tmp_path / "hub"

    backbone, weights, _ = saved(network, folder)

    modules = json.loads((folder / "modules.json").read_text())
    assert [module["type"].rpartition(".")[2] for module in modules] == ["Transformer", "Pooling", "Dense", "Normalize"]
    assert json.loads((folder / "1_Pooling" / "config.json").read_text())["pooling_mode_mean_tokens"] is True
    assert not any(name.startswith("bert.") for name in weights)
    matrix = load_file(folder / "2_Dense" / "model.safetensors")["linear.weight"]
    texts = ["soup bread", "bank loan match goal we saw"]
    batch = padded(Network.rows(network, texts), network.config.pad_id)
    with torch.no_grad():
        got = F.normalize(F.linear(pool(backbone(batch), batch.mask, "mean"), matrix), dim=-1)
        wanted = network.head(network._encoded(texts))
    assert torch.allclose(got, wanted, atol=1e-5)


def test_ensemble_of_tagging_heads_becomes_their_mean(tmp_path: Path) -> None:
    network = encoder(tmp_path / "checkpoint", "tags")
    assert isinstance(network, TokenClassifier)
    network.multiply_head(3)
    for head in network.heads:
        nn.init.normal_(head.linear.weight)
    _, weights, config = saved(network, tmp_path / "hub")
    assert config["architectures"] == ["BertForTokenClassification"]
    mean = sum(head.linear.weight.detach() for head in network.heads) / 3
    assert torch.allclose(weights["classifier.weight"], torch.as_tensor(mean), atol=1e-6)


def test_normalisation_is_part_of_the_tokenizer_and_the_network_does_not_change(tmp_path: Path) -> None:
    from tokenizers import Tokenizer

    network = encoder(tmp_path / "checkpoint", "en")
    before = {name: weight.clone() for name, weight in network.module.state_dict().items()}
    saved(network, tmp_path / "hub", "NFKC")
    again = Tokenizer.from_file(str(tmp_path / "hub" / "tokenizer.json"))
    assert again.encode("\uff53oup").tokens == network.tokenizer.encode("soup").tokens
    assert all(torch.equal(weight, before[name]) for name, weight in network.module.state_dict().items())


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("adapters", {"layers": ["backbone.blocks.0.down"], "width": 4}),
        ("prefixes", {"count": 2}),
        ("edits", {"rank": 2, "first": 1, "last": 0}),
        ("virtual_tokens", {"count": 2}),
    ],
)
def test_additions_have_no_place_in_a_checkpoint(tmp_path: Path, kind: str, options: dict[str, Any]) -> None:
    network = encoder(tmp_path / "checkpoint", "en")
    add(network, Addition(kind, options))
    reason = f"its method added {kind}, for which checkpoints of transformers have no place"
    graph = "; use --to onnx" if kind in ("adapters", "prefixes") else ""
    assert incompatibility(network) == reason + graph


def test_what_a_checkpoint_cannot_express_is_declined_with_the_reason(tmp_path: Path) -> None:
    network = encoder(tmp_path / "checkpoint", "en")
    network.config = replace(network.config, pooling="max")
    assert incompatibility(network) == "its pooling (max) has no form in transformers; mean and first have"
    labels = tuple(f"label {number:02}" for number in range(30))
    many = tiny.encoder(tmp_path / "many", tiny.part(6), Goal(labels=labels))
    assert str(incompatibility(many)).startswith("it has 30 labels, and a network 32 wide has room for three fewer")
    int8 = encoder(tmp_path / "int8", "en")
    int8.config = replace(int8.config, int8_embeddings=True)
    assert str(incompatibility(int8)).startswith("its embeddings are int8 tables")
