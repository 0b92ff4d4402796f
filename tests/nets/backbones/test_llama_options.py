from __future__ import annotations

from typing import Any

import pytest

from goldilocks.nets.backbones.llama_options import LlamaOptions, read_options

SIZES = {
    "vocab_size": 40,
    "hidden_size": 32,
    "num_hidden_layers": 6,
    "num_attention_heads": 4,
    "intermediate_size": 48,
}


def options(kind: str = "llama", **more: Any) -> LlamaOptions:
    made = read_options({"model_type": kind, **SIZES, **more})
    assert made is not None
    return made


def test_what_a_configuration_leaves_out_is_that_of_llama() -> None:
    made = options()
    assert (made.pairs, made.head_width, made.positions, made.activation) == (4, 8, 2048, "silu")
    assert made.scale == pytest.approx(8**-0.5)
    assert made.windows == (0,) * 6
    assert made.thetas == (1e4,) * 6
    assert not made.tied
    assert made.whole


def test_heads_may_be_wider_than_their_share_of_the_width() -> None:
    made = options("qwen3", head_dim=16, num_key_value_heads=2)
    assert (made.head_width, made.pairs, made.normed_heads) == (16, 2, True)
    assert made.scale == pytest.approx(16**-0.5)


@pytest.mark.parametrize(
    ("kind", "more", "biases"),
    [
        ("llama", {}, (False, False)),
        ("llama", {"attention_bias": True}, (True, True)),
        ("qwen2", {}, (True, False)),  # always there, and never behind the attention
        ("qwen3", {"attention_bias": True}, (True, True)),
        ("mistral", {}, (False, False)),
    ],
)
def test_biases_are_those_of_the_architecture(kind: str, more: dict[str, Any], biases: tuple[bool, bool]) -> None:
    made = options(kind, **more)
    assert (made.qkv_bias, made.out_bias) == biases


@pytest.mark.parametrize(
    ("kind", "more", "windows"),
    [
        ("mistral", {"sliding_window": 4}, (4,) * 6),
        ("mistral", {"sliding_window": None}, (0,) * 6),
        ("qwen2", {"sliding_window": 4}, (0,) * 6),  # stands there unused
        ("qwen2", {"sliding_window": 4, "use_sliding_window": True}, (4,) * 6),
        ("gemma3_text", {"sliding_window": 4}, (4, 4, 4, 4, 4, 0)),  # every sixth layer attends to all tokens
        ("gemma3_text", {"sliding_window": 4, "sliding_window_pattern": 2}, (4, 0, 4, 0, 4, 0)),
        (
            "qwen3",
            {"sliding_window": 4, "layer_types": ["full_attention"] * 5 + ["sliding_attention"]},
            (0, 0, 0, 0, 0, 4),
        ),
    ],
)
def test_layers_have_the_windows_of_their_kind(kind: str, more: dict[str, Any], windows: tuple[int, ...]) -> None:
    assert options(kind, **more).windows == windows


def test_gemma_rotates_local_layers_by_another_base() -> None:
    old = options("gemma3_text", sliding_window=4, rope_theta=1e6, rope_local_base_freq=1e4)
    ropes = {
        "full_attention": {"rope_type": "default", "rope_theta": 1e6},
        "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
    }
    new = options("gemma3_text", sliding_window=4, rope_parameters=ropes)
    assert old.thetas == new.thetas == (1e4,) * 5 + (1e6,)
    assert options("llama", rope_theta=5e5).thetas == options(rope_parameters={"rope_theta": 5e5}).thetas == (5e5,) * 6


def test_gemma_is_tied_and_scales_by_its_own_number() -> None:
    made = options("gemma3_text", query_pre_attn_scalar=256)
    assert made.gemma
    assert made.tied
    assert made.scale == pytest.approx(1 / 16)


@pytest.mark.parametrize(
    "more",
    [
        {"model_type": "gpt2"},
        {"rope_scaling": {"rope_type": "linear", "factor": 2.0}},
        {"final_logit_softcapping": 30.0},
        {"hidden_act": "relu6"},
        {"rope_parameters": {"partial_rotary_factor": 0.5}},
        {"mlp_bias": True},
        {"quantization_config": {"bits": 4}},
        {"attn_logit_softcapping": 50.0},
        {"use_bidirectional_attention": True},
        {"rope_parameters": {"full_attention": {"rope_type": "yarn", "rope_theta": 1e4}}},
    ],
)
def test_features_that_are_not_implemented_are_left_to_transformers(more: dict[str, Any]) -> None:
    assert read_options({"model_type": "llama", **SIZES}) is not None
    assert read_options({"model_type": "llama", **SIZES, **more}) is None
