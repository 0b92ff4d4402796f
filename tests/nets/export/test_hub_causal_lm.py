"""Decoders as checkpoints, read back by our own Llama; by transformers: ``tests/exporters/test_hub_export.py``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from goldilocks import plugins
from goldilocks.nets.additions import Addition, add
from goldilocks.nets.backbones.llama import LlamaBackbone, read_backbone
from goldilocks.nets.backbones.llama_options import LlamaOptions, read_options
from goldilocks.nets.export.hub_causal_lm import (
    incompatibility,
    llama_config,
    llama_weights,
    model_type,
    save_hub_causal,
)
from goldilocks.nets.heads.decoder_generator import DecoderGenerator
from goldilocks.nets.network import Network
from goldilocks.nets.tokenization.batching import Batch
from goldilocks.records import Output
from goldilocks.testing import tiny

SIZES = {
    "vocab_size": 40,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
}
KINDS: dict[str, dict[str, Any]] = {
    "llama": {"tie_word_embeddings": True},
    "llama with biases": {"model_type": "llama", "attention_bias": True},
    "mistral": {"sliding_window": 3},
    "qwen2": {"sliding_window": 3, "use_sliding_window": True},
    "qwen3": {"head_dim": 16},
    "gemma3_text": {
        **{"head_dim": 16, "query_pre_attn_scalar": 8, "sliding_window": 3, "sliding_window_pattern": 2},
        **{"rope_theta": 1e6, "rope_local_base_freq": 1e4, "hidden_activation": "gelu_pytorch_tanh"},
    },
}
IDS = torch.tensor([[5, 6, 7, 8, 9, 10, 11, 12], [13, 14, 15, 0, 0, 0, 0, 0]])
MASK = torch.tensor([[1] * 8, [1] * 3 + [0] * 5])
CASES = {case.name: case for case in tiny.cases({Output.TEXT, Output.LABEL})}


def options_of(kind: str) -> LlamaOptions:
    made = read_options({"model_type": kind, **SIZES, **KINDS[kind]})
    assert made is not None
    return made


def backbone_of(options: LlamaOptions) -> LlamaBackbone:
    torch.manual_seed(0)
    made = LlamaBackbone(options)
    for weight in made.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return made.eval()


def decoder(folder: Path, name: str, kind: str = "llama") -> Network:
    family = plugins.load("families", "decoder")
    tiny.decoder_folder(folder, kind=kind)
    info = family.describe(folder, str(folder))
    assert info is not None
    made = family.create(info, folder, CASES[name].part, CASES[name].goal, seed=0)
    assert isinstance(made, Network)
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_configuration_is_read_as_the_same_options(kind: str) -> None:
    options = options_of(kind)
    config = json.loads(json.dumps(llama_config(options)))
    assert config["model_type"] == model_type(options) == kind.partition(" ")[0]
    assert read_options(config) == options


@pytest.mark.parametrize("kind", KINDS)
def test_checkpoint_with_the_folded_scale_gives_the_scaled_states(kind: str, tmp_path: Path) -> None:
    backbone = backbone_of(options_of(kind))
    scale = torch.rand(32, generator=torch.Generator().manual_seed(1)) + 0.5
    weights = llama_weights(backbone, scale)
    save_file({name: weight.contiguous().clone() for name, weight in weights.items()}, tmp_path / "model.safetensors")

    again = read_backbone(tmp_path, backbone.options).eval()

    batch, real = Batch(IDS, MASK, {}, ()), MASK.bool()
    with torch.no_grad():
        assert torch.allclose(again(batch)[real], (backbone(batch) * scale)[real], rtol=1e-4, atol=1e-4)
    assert ("lm_head.weight" in weights) is not backbone.options.tied


def test_folder_names_the_tokens_that_begin_and_end_a_text(tmp_path: Path) -> None:
    network = decoder(tmp_path / "checkpoint", "text")
    assert isinstance(network, DecoderGenerator)
    assert incompatibility(network) is None
    (tmp_path / "hub").mkdir()

    save_hub_causal(network, tmp_path / "hub", normalisation="")

    config = json.loads((tmp_path / "hub" / "config.json").read_text())
    assert (config["bos_token_id"], config["eos_token_id"], config["dtype"]) == (0, [1], "float32")
    generation = json.loads((tmp_path / "hub" / "generation_config.json").read_text())
    assert generation == {"bos_token_id": 0, "eos_token_id": [1], "pad_token_id": 1, "do_sample": False}
    tokens = json.loads((tmp_path / "hub" / "tokenizer_config.json").read_text())
    assert (tokens["bos_token"], tokens["eos_token"]) == ("<bos>", "<eos>")
    options = read_options(config)
    assert options is not None
    again = read_backbone(tmp_path / "hub", options)
    for name, weight in again.state_dict().items():
        assert torch.allclose(weight, network.backbone.state_dict()[name].float(), atol=1e-6), name


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
    network = decoder(tmp_path / "checkpoint", "text")
    assert isinstance(network, DecoderGenerator)
    add(network, Addition(kind, options))
    reason = f"its method added {kind}, for which checkpoints of transformers have no place"
    assert incompatibility(network) == reason


def test_other_decoders_are_declined_with_the_reason(tmp_path: Path) -> None:
    labels = decoder(tmp_path / "labels", "en")
    assert incompatibility(labels) == "transformers' classifiers on decoders have no bias, and this head has"  # type: ignore[arg-type]
    quantised = decoder(tmp_path / "quantised", "text")
    quantised.config = replace(quantised.config, weight_bits=8)
    assert str(incompatibility(quantised)).startswith("its weights are quantised")  # type: ignore[arg-type]
