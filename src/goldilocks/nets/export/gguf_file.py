"""A Llama-style decoder as one GGUF file, for llama.cpp and what builds on it (Ollama, LM Studio).

Weights get GGUF's names; the rows of queries and keys of architecture ``llama`` are interleaved as ggml rotates them,
and Gemma's norm weights are stored plus 1. What tuning added is folded in, as for the Hub.

Source: the GGUF specification (github.com/ggml-org/ggml, docs/gguf.md) and llama.cpp's convert_hf_to_gguf.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from torch import Tensor

from goldilocks.nets.backbones.hub_decoder import HubCausalLM
from goldilocks.nets.backbones.llama import LlamaBackbone
from goldilocks.nets.backbones.llama_options import LlamaOptions
from goldilocks.nets.export import hub_causal_lm
from goldilocks.nets.heads.decoder_classifier import DecoderClassifier
from goldilocks.nets.heads.decoder_generator import DecoderGenerator, Scale
from goldilocks.records import ExportSettings

_ARCHITECTURES = {"llama": "llama", "qwen2": "qwen2", "qwen3": "qwen3", "gemma3_text": "gemma3"}
"""transformers' name -> GGUF's."""
_NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
_GEMMA_NAMES = {
    **_NAMES,
    "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
}
_BLOCK = 32
"""Weights of a row that GGUF quantises together."""
_NORMAL, _UNKNOWN, _CONTROL, _USER, _BYTE = 1, 2, 3, 4, 6
"""Kinds of tokens (``gguf.TokenType``)."""


def incompatibility(model: DecoderClassifier) -> str | None:
    """Why a decoder has no GGUF form, for the user; ``None``: it has."""
    reason = hub_causal_lm.incompatibility(model)
    if reason is not None:
        return reason.replace("transformers", "llama.cpp")
    if isinstance(model.backbone, HubCausalLM):
        return "only Llama-style decoders (Llama, Qwen 2 and 3, Gemma 3) are written as GGUF"
    options = cast(LlamaBackbone, model.backbone).options
    kind = hub_causal_lm.model_type(options)
    if kind not in _ARCHITECTURES:
        return f"decoders of type {kind} are not written as GGUF; llama, qwen2, qwen3 and gemma3 are"
    if options.gemma and not _has_gemmas_layers(options):
        return "its attention windows or scale are not those that llama.cpp takes for granted in Gemma 3"
    return _tokenizer_problem(json.loads(model.tokenizer.to_str()))


def _has_gemmas_layers(options: LlamaOptions) -> bool:
    """Whether every sixth layer attends to all tokens, and scale and local rotation are Gemma 3's."""
    full = [(number + 1) % 6 == 0 for number in range(options.depth)]
    local = [theta for theta, window in zip(options.thetas, options.windows, strict=True) if window]
    scaled = abs(options.scale**-2 - options.head_width) < 1e-3
    return [not window for window in options.windows] == full and set(local) <= {1e4} and scaled


def _tokenizer_problem(tokenizer: dict[str, Any]) -> str | None:
    if tokenizer["model"]["type"] != "BPE":
        return f"its tokenizer is a {tokenizer['model']['type']} model; GGUF's are byte pair encodings"
    if not tokenizer["model"].get("byte_fallback") and "ByteLevel" not in json.dumps(tokenizer["pre_tokenizer"]):
        return "its tokenizer works neither on bytes nor with a fallback to them"
    return None


def save_gguf(model: DecoderGenerator, path: Path, settings: ExportSettings) -> None:
    """Write a decoder for which ``incompatibility`` returns ``None``."""
    import gguf

    backbone = model.backbone
    assert isinstance(backbone, LlamaBackbone)
    options = backbone.options
    kind = hub_causal_lm.model_type(options)
    writer = gguf.GGUFWriter(path, _ARCHITECTURES[kind])
    writer.add_name(settings.name)
    _add_shape(writer, options)
    _add_tokenizer(writer, model, kind)
    quantised = getattr(gguf.GGMLQuantizationType, settings.precision.upper())
    writer.add_file_type(getattr(gguf.LlamaFileType, f"MOSTLY_{settings.precision.upper()}"))
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    for name, weight in tensors(backbone, cast(Scale, model.head).weight, kind):
        if weight.ndim == 1:
            writer.add_tensor(name, weight)
        elif weight.shape[1] % _BLOCK:
            writer.add_tensor(name, weight.astype(np.float16))
        else:
            tensor_type = quantised
            if settings.precision == "q4_0" and name in ("token_embd.weight", "output.weight"):
                tensor_type = gguf.GGMLQuantizationType.Q8_0  # errors in tables meet every token
            writer.add_tensor(name, gguf.quants.quantize(weight, tensor_type), raw_dtype=tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def tensors(backbone: LlamaBackbone, scale: Tensor, kind: str) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    """GGUF's name and the float32 values of each weight.

    Args:
        backbone: The decoder.
        scale: Scale of its last hidden states, see ``hub_causal_lm.llama_weights``.
        kind: transformers' name of the architecture.
    """
    options = backbone.options
    names = _GEMMA_NAMES if options.gemma else _NAMES
    for theirs, weight in hub_causal_lm.llama_weights(backbone, scale).items():
        stem, _, part = theirs.rpartition(".")
        prefix = ""
        if stem.startswith("model.layers."):
            number, _, stem = stem.removeprefix("model.layers.").partition(".")
            prefix = f"blk.{number}."
        values: npt.NDArray[np.float32] = weight.float().numpy()
        if kind == "llama" and stem.endswith(("q_proj", "k_proj")):
            values = _interleaved(values, options.heads if stem.endswith("q_proj") else options.pairs)
        if options.gemma and "norm" in stem:
            values = values + 1
        yield f"{prefix}{names[stem]}.{part}", np.ascontiguousarray(values)


def _interleaved(values: npt.NDArray[np.float32], heads: int) -> npt.NDArray[np.float32]:
    """Rows of each head in the order (0, half, 1, half + 1, ...): ggml rotates neighbours, transformers halves."""
    halves = values.reshape(heads, 2, values.shape[0] // heads // 2, *values.shape[1:])
    return halves.swapaxes(1, 2).reshape(values.shape)


def _add_shape(writer: Any, options: LlamaOptions) -> None:
    writer.add_context_length(options.positions)
    writer.add_embedding_length(options.width)
    writer.add_block_count(options.depth)
    writer.add_feed_forward_length(options.inner)
    writer.add_head_count(options.heads)
    writer.add_head_count_kv(options.pairs)
    writer.add_key_length(options.head_width)
    writer.add_value_length(options.head_width)
    writer.add_rope_dimension_count(options.head_width)
    writer.add_layer_norm_rms_eps(options.epsilon)
    writer.add_vocab_size(options.vocabulary)
    full = [theta for theta, window in zip(options.thetas, options.windows, strict=True) if not window]
    writer.add_rope_freq_base((full or list(options.thetas))[0])
    if any(options.windows):
        writer.add_sliding_window(max(options.windows))


def _add_tokenizer(writer: Any, model: DecoderGenerator, kind: str) -> None:
    raw = json.loads(model.tokenizer.to_str())
    rows = cast(LlamaBackbone, model.backbone).options.vocabulary
    vocabulary = model.tokenizer.get_vocab(with_added_tokens=True)
    tokens = {number: token for token, number in vocabulary.items()}
    added = {token["id"]: bool(token["special"]) for token in raw["added_tokens"]}
    unknown = raw["model"].get("unk_token")
    names = [tokens.get(number, f"[PAD{number}]") for number in range(rows)]
    kinds = [_kind(number, name, tokens, added, unknown) for number, name in enumerate(names)]
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in raw["model"]["merges"]]
    if raw["model"].get("byte_fallback"):
        rank = {merge.replace(" ", ""): place for place, merge in enumerate(merges)}
        writer.add_tokenizer_model("llama")
        writer.add_token_list(names)
        writer.add_token_scores([-float(rank[name]) - 1 if name in rank else -1e6 for name in names])
    else:
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(_pre_tokenizer(raw, kind))
        writer.add_token_list(names)
        writer.add_token_merges(merges)
    writer.add_token_types(kinds)
    options = model.options
    writer.add_add_bos_token(bool(options.begin_ids))
    writer.add_add_space_prefix(False)
    if options.begin_ids:
        writer.add_bos_token_id(options.begin_ids[0])
    if options.end_ids:
        writer.add_eos_token_id(options.end_ids[0])
    writer.add_pad_token_id(model.config.pad_id)
    if unknown in vocabulary:
        writer.add_unk_token_id(vocabulary[unknown])


def _pre_tokenizer(raw: dict[str, Any], kind: str) -> str:
    """llama.cpp's name of the rule by which text is split before the merges."""
    rule = json.dumps(raw["pre_tokenizer"])
    if kind.startswith("qwen"):
        return "qwen2"
    if "{1,3}" in rule:
        return "llama-bpe"
    return "smollm" if '"Digits"' in rule else "gpt-2"


def _kind(number: int, name: str, tokens: dict[int, str], added: dict[int, bool], unknown: str | None) -> int:
    if number not in tokens:
        return _CONTROL
    if name == unknown:
        return _UNKNOWN
    if number in added:
        return _CONTROL if added[number] else _USER
    byte = len(name) == 6 and name.startswith("<0x") and name.endswith(">")
    return _BYTE if byte else _NORMAL
