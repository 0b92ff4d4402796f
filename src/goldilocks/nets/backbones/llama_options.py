"""What the ``config.json`` of a Llama-style model says: widths, heads, rotary angles, sliding windows, norms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MODEL_TYPES = ("llama", "mistral", "qwen2", "qwen3", "gemma3_text")
"""``model_type`` of the configurations this backbone can read."""

GATE_ACTIVATIONS = ("silu", "gelu", "gelu_pytorch_tanh")
"""Activation functions of the gated MLP that are implemented, names in ``layers.activations.ACTIVATIONS``."""


@dataclass(frozen=True, slots=True)
class LlamaOptions:
    """The numbers that fix the backbone."""

    vocabulary: int
    width: int
    depth: int
    heads: int
    pairs: int
    """Key-value heads (grouped-query attention); each serves ``heads / pairs`` query heads."""
    head_width: int
    inner: int
    """Width of the hidden layer of a block's gated MLP."""
    positions: int
    """Maximum number of tokens of a sequence."""
    epsilon: float
    """Epsilon of the RMS norms."""
    activation: str
    scale: float
    """Attention scale: what queries are multiplied by."""
    windows: tuple[int, ...]
    """Sliding-window size of each layer, in tokens, its own included; 0: full attention."""
    thetas: tuple[float, ...]
    """Base of the rotary angles of each layer."""
    tied: bool
    """Whether the LM head is tied to the word embeddings."""
    gemma: bool
    """Gemma's variant: embeddings times the root of the width, norm weights stored minus 1, norms after each part."""
    normed_heads: bool
    """Whether queries and keys are normalised (QK norm)."""
    qkv_bias: bool
    out_bias: bool
    whole: bool = True
    """Whether these are all of the model's blocks, so that its final norm follows."""


def read_options(config: Mapping[str, Any]) -> LlamaOptions | None:
    """The options in a Hub ``config.json``; ``None``: another architecture, or a feature not implemented here."""
    kind = config.get("model_type")
    if kind not in MODEL_TYPES or _unsupported(config):
        return None
    width, heads, depth = (
        int(config["hidden_size"]),
        int(config["num_attention_heads"]),
        int(config["num_hidden_layers"]),
    )
    head_width = int(config.get("head_dim") or width // heads)
    bias = bool(config.get("attention_bias", False))
    windows = _windows(config, depth)
    return LlamaOptions(
        vocabulary=int(config["vocab_size"]),
        width=width,
        depth=depth,
        heads=heads,
        pairs=int(config.get("num_key_value_heads") or heads),
        head_width=head_width,
        inner=int(config["intermediate_size"]),
        positions=int(config.get("max_position_embeddings", 2048)),
        epsilon=float(config.get("rms_norm_eps", 1e-6)),
        activation=str(config.get("hidden_activation") or config.get("hidden_act") or "silu"),
        scale=float(config.get("query_pre_attn_scalar") or head_width) ** -0.5,
        windows=windows,
        thetas=_thetas(config, windows),
        tied=bool(config.get("tie_word_embeddings", kind == "gemma3_text")),
        gemma=kind == "gemma3_text",
        normed_heads=kind in ("qwen3", "gemma3_text"),
        qkv_bias=bias or kind == "qwen2",
        out_bias=bias and kind in ("llama", "gemma3_text", "qwen3"),
    )


def _unsupported(config: Mapping[str, Any]) -> bool:
    """Whether the configuration asks for a feature that is not implemented here."""
    ropes = config.get("rope_parameters") or {}
    ropes = list(ropes.values()) if any(isinstance(rope, dict) for rope in ropes.values()) else [ropes]
    ropes.append(config.get("rope_scaling") or {})
    scaled = any((rope or {}).get("rope_type", (rope or {}).get("type", "default")) != "default" for rope in ropes)
    caps = config.get("final_logit_softcapping") or config.get("attn_logit_softcapping")
    activation = config.get("hidden_activation") or config.get("hidden_act") or "silu"
    partial = any((rope or {}).get("partial_rotary_factor", 1) != 1 for rope in ropes)
    others = config.get("use_bidirectional_attention") or config.get("mlp_bias") or config.get("quantization_config")
    return bool(scaled or caps or partial or others or activation not in GATE_ACTIVATIONS)


def _windows(config: Mapping[str, Any], depth: int) -> tuple[int, ...]:
    window = int(config.get("sliding_window") or 0)
    kinds = config.get("layer_types")
    if kinds is None and config.get("model_type") == "gemma3_text":
        pattern = int(config.get("sliding_window_pattern") or config.get("_sliding_window_pattern") or 6)
        kinds = ["full_attention" if (i + 1) % pattern == 0 else "sliding_attention" for i in range(depth)]
    if kinds is None:
        everywhere = config.get("model_type") == "mistral" or config.get("use_sliding_window", False)
        kinds = ["sliding_attention" if everywhere else "full_attention"] * depth
    return tuple(window if kind == "sliding_attention" else 0 for kind in kinds)


def _thetas(config: Mapping[str, Any], windows: Sequence[int]) -> tuple[float, ...]:
    ropes = config.get("rope_parameters") or {}
    gemma = config.get("model_type") == "gemma3_text"
    plain = float(ropes.get("rope_theta") or config.get("rope_theta") or (1e6 if gemma else 1e4))
    near = float(config.get("rope_local_base_freq") or (1e4 if gemma else plain))
    named = {"full_attention": plain, "sliding_attention": near}
    named |= {kind: float(rope["rope_theta"]) for kind, rope in ropes.items() if isinstance(rope, dict)}
    return tuple(named["sliding_attention" if window else "full_attention"] for window in windows)
