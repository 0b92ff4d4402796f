"""Names and layout of GGUF weights. (Files read back: ``tests/exporters/test_gguf_export.py``.)"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from goldilocks import plugins
from goldilocks.nets.additions import Addition, add
from goldilocks.nets.backbones.llama import LlamaBackbone
from goldilocks.nets.backbones.llama_options import read_options
from goldilocks.nets.export.gguf_file import _interleaved, _kind, _pre_tokenizer, incompatibility, tensors
from goldilocks.nets.export.hub_causal_lm import llama_weights
from goldilocks.nets.heads.decoder_classifier import DecoderClassifier
from goldilocks.records import Output
from goldilocks.testing import tiny

SIZES = {
    "vocab_size": 40,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
}
ARCHITECTURES = {"llama": "LLAMA", "qwen2": "QWEN2", "qwen3": "QWEN3", "gemma3_text": "GEMMA3"}
CASES = {case.name: case for case in tiny.cases({Output.TEXT})}


def backbone_of(kind: str) -> LlamaBackbone:
    more = {"head_dim": 16} if kind in ("qwen3", "gemma3_text") else {}
    options = read_options({"model_type": kind, **SIZES, **more})
    assert options is not None
    torch.manual_seed(0)
    made = LlamaBackbone(options)
    for weight in made.parameters():
        torch.nn.init.normal_(weight)
    return made


def decoder(folder: Path, *, depth: int = 6) -> DecoderClassifier:
    family = plugins.load("families", "decoder")
    tiny.decoder_folder(folder, depth=depth)
    info = family.describe(folder, str(folder))
    assert info is not None
    made = family.create(info, folder, CASES["text"].part, CASES["text"].goal, seed=0)
    assert isinstance(made, DecoderClassifier)
    return made


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_weights_have_the_names_that_ggufs_own_table_gives_them(kind: str) -> None:
    gguf = pytest.importorskip("gguf", reason="pip install gguf")
    backbone, scale = backbone_of(kind), torch.ones(32)
    table = gguf.get_tensor_name_map(getattr(gguf.MODEL_ARCH, ARCHITECTURES[kind]), 2)
    theirs = [table.get_name(name, try_suffixes=(".weight", ".bias")) for name in llama_weights(backbone, scale)]
    ours = dict(tensors(backbone, scale, kind))
    assert list(ours) == theirs
    assert all(values.dtype == np.float32 and values.flags.c_contiguous for values in ours.values())


def test_interleaved_rows_rotate_as_neighbours_to_the_same_products() -> None:
    heads, width = 3, 8
    generator = torch.Generator().manual_seed(0)
    query, key = (torch.randn(heads * width, generator=generator).numpy() for _ in range(2))
    angles = np.array([1.0, 0.5, 0.25, 0.125], dtype=np.float32)

    def halves(x: Any, place: float) -> Any:  # transformers: dimension i turns with i + width / 2
        first, second = x.reshape(heads, 2, width // 2).swapaxes(0, 1)
        cosine, sine = np.cos(place * angles), np.sin(place * angles)
        return np.concatenate([first * cosine - second * sine, second * cosine + first * sine], 1)

    def neighbours(x: Any, place: float) -> Any:  # ggml: dimension 2 i turns with 2 i + 1
        even, odd = x.reshape(heads, -1, 2)[..., 0], x.reshape(heads, -1, 2)[..., 1]
        cosine, sine = np.cos(place * angles), np.sin(place * angles)
        return np.stack([even * cosine - odd * sine, odd * cosine + even * sine], -1).reshape(heads, -1)

    wanted = (halves(query, 3.0) * halves(key, 7.0)).sum(1)
    got = (neighbours(_interleaved(query, heads), 3.0) * neighbours(_interleaved(key, heads), 7.0)).sum(1)
    np.testing.assert_allclose(got, wanted, rtol=1e-5)


@pytest.mark.parametrize(("kind", "interleaved"), [("llama", True), ("qwen2", False)])
def test_only_queries_and_keys_of_llama_are_interleaved(kind: str, interleaved: bool) -> None:
    backbone = backbone_of(kind)
    plain, ours = llama_weights(backbone, torch.ones(32)), dict(tensors(backbone, torch.ones(32), kind))
    for part, theirs, heads in (("q", "q_proj", 4), ("k", "k_proj", 2), ("v", "v_proj", 2)):
        weight = plain[f"model.layers.1.self_attn.{theirs}.weight"].numpy()
        rows = _interleaved(weight, heads) if interleaved and part != "v" else weight
        assert np.array_equal(ours[f"blk.1.attn_{part}.weight"], rows)


def test_norms_of_gemma_are_stored_plus_one_with_the_scale_folded_in() -> None:
    backbone, scale = backbone_of("gemma3_text"), torch.linspace(0.5, 1.5, 32)
    ours = dict(tensors(backbone, scale, "gemma3_text"))
    own = backbone.state_dict()
    np.testing.assert_allclose(ours["output_norm.weight"], ((1 + own["norm.weight"]) * scale).numpy(), rtol=1e-5)
    np.testing.assert_allclose(ours["blk.0.attn_norm.weight"], (1 + own["blocks.0.before.weight"]).numpy())
    np.testing.assert_allclose(ours["token_embd.weight"], own["words.weight"].numpy())


def test_tokens_have_their_kinds() -> None:
    tokens = {0: "<bos>", 1: "<unk>", 2: "<0x0A>", 3: "soup", 4: "<tool>"}
    added = {0: True, 4: False}
    kinds = [_kind(number, tokens.get(number, "[PAD9]"), tokens, added, "<unk>") for number in (0, 1, 2, 3, 4, 9)]
    assert kinds == [3, 2, 6, 1, 4, 3]  # control, unknown, byte, normal, user-defined; no token of the tokenizer


@pytest.mark.parametrize(
    ("rule", "kind", "name"),
    [
        ({"type": "ByteLevel"}, "llama", "gpt-2"),
        ({"type": "Sequence", "pretokenizers": [{"type": "Digits"}, {"type": "ByteLevel"}]}, "llama", "smollm"),
        ({"type": "Split", "pattern": {"Regex": r"\p{N}{1,3}"}}, "llama", "llama-bpe"),
        ({"type": "Split", "pattern": {"Regex": r"\p{N}"}}, "qwen3", "qwen2"),
    ],
)
def test_rule_before_the_merges_has_llama_cpps_name(rule: dict[str, Any], kind: str, name: str) -> None:
    assert _pre_tokenizer({"pre_tokenizer": rule}, kind) == name


def test_decoder_with_gemmas_own_windows_has_a_form_and_others_have_not(tmp_path: Path) -> None:
    assert incompatibility(decoder(tmp_path / "six")) is None
    assert str(incompatibility(decoder(tmp_path / "two", depth=2))).startswith("its attention windows or scale")


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("adapters", {"layers": ["backbone.blocks.0.down"], "width": 4}),
        ("prefixes", {"count": 2}),
        ("virtual_tokens", {"count": 2}),
    ],
)
def test_additions_have_no_place_in_a_file(tmp_path: Path, kind: str, options: dict[str, Any]) -> None:
    # The names of an adapter's matrices end as those of the layer it wraps: it would have been written in its place.
    network = decoder(tmp_path / "checkpoint")
    add(network, Addition(kind, options))
    assert incompatibility(network) == f"its method added {kind}, for which checkpoints of llama.cpp have no place"
