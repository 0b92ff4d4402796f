from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from goldilocks.errors import InputError
from goldilocks.nets.backbones.llama import (
    LlamaBackbone,
    backbone_from,
    lower_part,
    read_backbone,
    shape_options,
)
from goldilocks.nets.backbones.llama_options import read_options
from goldilocks.nets.tokenization.batching import Batch
from goldilocks.testing import tiny

IDS = torch.tensor([[5, 6, 7, 8, 9, 10, 11, 12], [13, 14, 15, 0, 0, 0, 0, 0]])
MASK = torch.tensor([[1] * 8, [1] * 3 + [0] * 5])
SIZES = {
    "vocab_size": 40,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def _kinds() -> dict[str, dict[str, Any]]:
    window = {"sliding_window": 3}
    return {
        "llama": {"tie_word_embeddings": False, "attention_bias": True},
        "mistral": window,
        "qwen2": {},
        "qwen3": {"head_dim": 16},
        "gemma3_text": {"head_dim": 16, "query_pre_attn_scalar": 8, "sliding_window_pattern": 2, **window},
    }


@pytest.fixture(scope="module", params=list(_kinds()))
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[LlamaBackbone, Any]:
    """A small decoder of each architecture, ours and transformers'."""
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    theirs = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(request.param, **SIZES, **_kinds()[request.param]), dtype=torch.float32
    ).eval()
    with torch.no_grad():
        for weight in theirs.parameters():  # norms and biases start as ones and zeros: they would show no difference
            weight.add_(torch.randn_like(weight) * 0.1)
    folder = tmp_path_factory.mktemp("decoders") / request.param
    theirs.save_pretrained(folder)
    options = read_options(json.loads((folder / "config.json").read_text()))
    assert options is not None
    return read_backbone(folder, options).eval(), theirs


def test_hidden_states_and_logits_are_those_of_transformers(pair: tuple[LlamaBackbone, Any]) -> None:
    ours, theirs = pair
    with torch.inference_mode():
        states = ours(Batch(IDS, MASK, {}, ()))
        expected = theirs.base_model(input_ids=IDS, attention_mask=MASK).last_hidden_state
        ours_logits, logits = ours.logits(states), theirs(input_ids=IDS, attention_mask=MASK).logits
    real = MASK.bool()
    assert torch.allclose(states[real], expected[real], atol=2e-4)
    assert torch.allclose(ours_logits[real], logits[real], atol=2e-3)


def test_gradients_are_those_of_transformers(pair: tuple[LlamaBackbone, Any]) -> None:
    ours, theirs = pair
    ours(Batch(IDS[:1], MASK[:1], {}, ())).square().sum().backward()
    theirs.base_model(input_ids=IDS[:1]).last_hidden_state.square().sum().backward()
    got, expected = ours.words.weight.grad, theirs.get_input_embeddings().weight.grad
    assert got is not None
    assert torch.allclose(got, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))
    ours.zero_grad(set_to_none=True)
    theirs.zero_grad(set_to_none=True)


def test_prepared_for_inference_it_gives_the_same_states(pair: tuple[LlamaBackbone, Any]) -> None:
    ours = backbone_from(json.loads(json.dumps(shape_options(pair[0]))))
    ours.load_state_dict(pair[0].state_dict())
    with torch.inference_mode():
        before = ours(Batch(IDS, MASK, {}, ()))
        ours.prepare_for_inference()
        after = ours(Batch(IDS, MASK, {}, ()))
        assert torch.allclose(after, before, atol=1e-4)
        assert torch.equal(ours.greedy(after[0]), ours.logits(after[0]).argmax(-1))
        some = torch.tensor([3, 30])
        assert torch.allclose(ours.logits_of(after, some), ours.logits(after)[..., some], atol=1e-3)


def test_lower_part_gives_the_states_below_its_top(pair: tuple[LlamaBackbone, Any]) -> None:
    ours, _ = pair
    batch = Batch(IDS, MASK, {}, ())
    with torch.inference_mode():
        assert torch.allclose(lower_part(ours, 2)(batch), ours(batch, stop=2), atol=1e-6)


def test_groups_name_every_parameter_once(pair: tuple[LlamaBackbone, Any]) -> None:
    ours, _ = pair
    names = [name for names in ours.groups().values() for name in names]
    assert sorted(names) == sorted(name for name, _ in ours.named_parameters())
    assert ours.block_of("words.weight") == -1
    assert ours.block_of("blocks.1.qkv.weight") == 1
    assert ours.block_of("norm.weight") == 2


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    folder = tiny.decoder_folder(tmp_path / "decoder", kind="llama")
    options = read_options(json.loads((folder / "config.json").read_text()))
    assert options is not None
    weights = load_file(folder / "model.safetensors")
    norm = "model.norm.weight"
    save_file(weights | {norm: torch.ones(5)}, folder / "model.safetensors")
    with pytest.raises(InputError, match=r"norm\.weight is \(5,\), the configuration says \(32,\)"):
        read_backbone(folder, options)
    save_file({name: weight for name, weight in weights.items() if name != norm}, folder / "model.safetensors")
    with pytest.raises(InputError, match=r"the weights have no 'model\.norm\.weight'"):
        read_backbone(folder, options)
