"""GGUF files read back by transformers' own reader, against the decoders they were written from."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import torch

pytest.importorskip("gguf", reason="pip install gguf")

from exported_models import CASES

from goldilocks import plugins
from goldilocks.nets.backbones.llama import LlamaBackbone
from goldilocks.nets.heads.decoder_generator import DecoderGenerator
from goldilocks.nets.network import Network
from goldilocks.records import ExportSettings
from goldilocks.testing import tiny

GGUF = plugins.load("exporters", "gguf")


def decoder(folder: Path, case: str, kind: str, *, width: int = 32) -> Network:
    """A decoder of six layers, of which Gemma's last attends to all tokens, with a head that scales its states."""
    checkpoint = tiny.decoder_folder(folder, kind=kind, depth=6, width=width)
    family = plugins.load("families", "decoder")
    info = family.describe(checkpoint, str(checkpoint))
    assert info is not None
    network = cast(Network, family.create(info, checkpoint, CASES[case].part, CASES[case].goal, seed=0))
    if isinstance(network, DecoderGenerator):
        torch.manual_seed(2)
        torch.nn.init.uniform_(cast(torch.Tensor, network.head.weight), 0.5, 1.5)
    return network


def exported(network: Network, folder: Path, precision: str) -> Path:
    assert GGUF.incompatibility(network) is None
    folder.mkdir()
    GGUF.export(network, ExportSettings("tiny", precision=precision), folder)
    return next(folder.glob("*.gguf"))


def read_back(file: Path) -> Any:
    from transformers import AutoModelForCausalLM, GgufConfig

    return AutoModelForCausalLM.from_pretrained(
        file.parent, gguf_file=file.name, quantization_config=GgufConfig(dequantize=True), dtype=torch.float32
    ).eval()


def our_logits(network: Network, ids: torch.Tensor) -> torch.Tensor:
    from goldilocks.nets.tokenization.batching import Batch

    backbone = cast(LlamaBackbone, network.backbone)
    with torch.no_grad():
        states = backbone(Batch(ids, torch.ones_like(ids), {}, ()))
        return backbone.logits(network.head(states))


@pytest.mark.parametrize("kind", ["llama", "gemma3_text"])
@pytest.mark.parametrize(("precision", "error"), [("f16", 0.01), ("q8_0", 0.05), ("q4_0", 0.5)])
def test_logits_of_the_file_are_those_of_the_decoder(tmp_path: Path, kind: str, precision: str, error: float) -> None:
    network = decoder(tmp_path / "checkpoint", "likelihood", kind)
    model = read_back(exported(network, tmp_path / "out", precision))
    for layer in model.model.layers:
        # Not in the file: llama.cpp takes the head width for it, transformers that of the published checkpoints, 256.
        layer.self_attn.scaling = cast(LlamaBackbone, network.backbone).options.scale
    ids = torch.arange(40)[None] * 5 % 250 + 3

    with torch.no_grad():
        theirs = model(ids).logits
    ours = our_logits(network, ids)

    spread = float(ours.std())
    assert float((theirs - ours).abs().mean()) < error * spread


def test_tokenizer_of_the_file_is_that_of_the_decoder(tmp_path: Path) -> None:
    from gguf import GGUFReader

    network = decoder(tmp_path / "checkpoint", "text", "llama")

    fields = GGUFReader(exported(network, tmp_path / "out", "q8_0")).fields

    tokens = fields["tokenizer.ggml.tokens"].contents()
    assert [network.tokenizer.token_to_id(token) for token in tokens] == list(range(len(tokens)))
    assert fields["tokenizer.ggml.bos_token_id"].contents() == 0
    assert fields["tokenizer.ggml.eos_token_id"].contents() == 1
    assert fields["tokenizer.ggml.token_type"].contents()[:3] == [3, 3, 1]  # two control tokens, then bytes


def test_what_gguf_cannot_hold_is_declined_with_the_reason(tmp_path: Path) -> None:
    assert "its tokenizer" not in str(GGUF.incompatibility(decoder(tmp_path / "text", "text", "llama")))
    labels = decoder(tmp_path / "labels", "en", "llama")
    assert "have no bias" in str(GGUF.incompatibility(labels))
    checkpoint = tiny.decoder_folder(tmp_path / "windows", depth=2)  # a window in one layer of two, not five of six
    family = plugins.load("families", "decoder")
    info = family.describe(checkpoint, str(checkpoint))
    assert info is not None
    other = family.create(info, checkpoint, CASES["text"].part, CASES["text"].goal, seed=0)
    assert "windows" in str(GGUF.incompatibility(other))
