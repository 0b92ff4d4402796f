"""Causal LMs as Hub folders that transformers loads: weights under its names, configuration, tokenizer.

What tuning added is folded in: the scale of the hidden states is part of the final norm.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from goldilocks.nets.additions import no_place
from goldilocks.nets.backbones.hub_decoder import HubCausalLM
from goldilocks.nets.backbones.llama import LlamaBackbone, checkpoint_names
from goldilocks.nets.backbones.llama_options import LlamaOptions
from goldilocks.nets.export.hub_tokenizer import save_tokenizer
from goldilocks.nets.heads.decoder_classifier import DecoderClassifier
from goldilocks.nets.heads.decoder_generator import DecoderGenerator, Scale


def incompatibility(model: DecoderClassifier) -> str | None:
    """Why a decoder has no form in transformers with the same answers, for the user; ``None``: it has."""
    if reason := no_place(model.config):
        return reason
    if not isinstance(model, DecoderGenerator):
        if model.prompt_state is not None:
            return "it scores labels by their likelihood, calibrated, which no pipeline of transformers does"
        return "transformers' classifiers on decoders have no bias, and this head has"
    backbone = model.backbone
    if model.config.weight_bits:
        return "its weights are quantised; export the bundle that it was compressed from"
    if isinstance(backbone, LlamaBackbone):
        return None
    if not isinstance(backbone, HubCausalLM):
        return f"its backbone ({type(backbone).__name__}) is not exported"
    tuned = not bool((cast(Scale, model.head).weight == 1).all())
    return "its tuned output scale has no place in an architecture other than Llama's" if tuned else None


def save_hub_causal(model: DecoderGenerator, folder: Path, *, normalisation: str) -> None:
    """Write a decoder for which ``incompatibility`` returns ``None``; see ``hub_encoder.save_hub``."""
    options, backbone = model.options, model.backbone
    if isinstance(backbone, LlamaBackbone):
        dtype = getattr(torch, options.precision) if model.prompt_state is not None else torch.float32
        _save_llama(backbone, cast(Scale, model.head).weight, folder, dtype)
    else:
        _save_other(cast(HubCausalLM, backbone), dict(model.config.options), folder)
    _add_to_config(folder, model)
    known = {"bos_token": options.begin_ids[:1], "eos_token": options.end_ids[:1]}
    save_tokenizer(
        model.tokenizer,
        folder,
        max_tokens=model.max_positions,
        pad_id=model.config.pad_id,
        types=False,
        normalisation=normalisation,
        special={role: str(model.tokenizer.id_to_token(ids[0])) for role, ids in known.items() if ids},
    )


def _save_llama(backbone: LlamaBackbone, scale: Tensor, folder: Path, dtype: torch.dtype) -> None:
    from safetensors.torch import save_file

    weights = {name: weight.to(dtype).contiguous().clone() for name, weight in llama_weights(backbone, scale).items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = llama_config(backbone.options) | {"dtype": str(dtype).removeprefix("torch.")}
    _write_json(folder / "config.json", config)


def llama_weights(backbone: LlamaBackbone, scale: Tensor) -> dict[str, Tensor]:
    """Weights by their names in a checkpoint.

    Args:
        backbone: The decoder.
        scale: Elementwise scale of its last hidden states, ``(width,)``: becomes part of the final norm.
    """
    options = backbone.options
    parts = {"qkv": _qkv_rows(options), "gate_up": [options.inner] * 2}
    weights: dict[str, Tensor] = {}
    for name, weight in backbone.state_dict().items():
        names = list(checkpoint_names(name, options))
        if name == "norm.weight":
            factor = scale.detach().float()
            own = weight.float()
            weight = ((1 + own) * factor - 1) if options.gemma else own * factor
        sizes = parts[name.split(".")[2]] if len(names) > 1 else [len(weight)]
        weights |= dict(zip(names, torch.split(weight.detach(), sizes), strict=True))
    return weights


def _qkv_rows(options: LlamaOptions) -> list[int]:
    keys = options.pairs * options.head_width
    return [options.heads * options.head_width, keys, keys]


def model_type(options: LlamaOptions) -> str:
    """Transformers' name of the architecture that these options are of."""
    if options.gemma:
        return "gemma3_text"
    if options.normed_heads:
        return "qwen3"
    if options.qkv_bias and not options.out_bias:
        return "qwen2"
    return "mistral" if any(options.windows) else "llama"


_CLASSES = {
    "gemma3_text": "Gemma3ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "mistral": "MistralForCausalLM",
    "llama": "LlamaForCausalLM",
}


def llama_config(options: LlamaOptions) -> dict[str, Any]:
    """``config.json`` of a Llama-style decoder."""
    kind = model_type(options)
    window = max(options.windows)
    layers = ["sliding_attention" if window else "full_attention" for window in options.windows]
    thetas = dict(zip(layers, options.thetas, strict=True))
    ropes: dict[str, Any] = {name: {"rope_type": "default", "rope_theta": theta} for name, theta in thetas.items()}
    if options.gemma:
        for name in ("full_attention", "sliding_attention"):
            ropes.setdefault(name, next(iter(ropes.values())))
    else:
        ropes = next(iter(ropes.values()))
    config: dict[str, Any] = {
        "architectures": [_CLASSES[kind]],
        "model_type": kind,
        "vocab_size": options.vocabulary,
        "hidden_size": options.width,
        "num_hidden_layers": options.depth,
        "num_attention_heads": options.heads,
        "num_key_value_heads": options.pairs,
        "head_dim": options.head_width,
        "intermediate_size": options.inner,
        "max_position_embeddings": options.positions,
        "rms_norm_eps": options.epsilon,
        "hidden_act": options.activation,
        "rope_parameters": ropes,
        "tie_word_embeddings": options.tied,
        "attention_bias": options.qkv_bias,
        "attention_dropout": 0.0,
        "sliding_window": window or None,
    }
    if options.gemma:
        config |= {"hidden_activation": options.activation, "query_pre_attn_scalar": round(options.scale**-2)}
        config["sliding_window"] = window or options.positions
    if kind.startswith("qwen"):
        config["use_sliding_window"] = bool(window)
    return config if kind in ("llama", "mistral") else config | {"layer_types": layers}


def _save_other(backbone: HubCausalLM, config: dict[str, Any], folder: Path) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    from goldilocks.nets.hub.quiet_transformers import quiet

    fields = {name: value for name, value in config.items() if name != "model_type"}
    with quiet():
        hub_config = AutoConfig.for_model(config["model_type"], **fields)
        causal = AutoModelForCausalLM.from_config(hub_config, dtype=next(backbone.parameters()).dtype)
        causal.base_model.load_state_dict(backbone.model.state_dict())
        if backbone.last is not None:
            causal.get_output_embeddings().load_state_dict(backbone.last.state_dict())
        causal.save_pretrained(folder)


def _add_to_config(folder: Path, model: DecoderGenerator) -> None:
    """Tokens that begin, end and pad a text, in ``config.json`` and ``generation_config.json``."""
    options = model.options
    tokens = {
        "bos_token_id": options.begin_ids[0] if options.begin_ids else None,
        "eos_token_id": list(options.end_ids) or None,
        "pad_token_id": model.config.pad_id,
    }
    path = folder / "config.json"
    _write_json(path, json.loads(path.read_text(encoding="utf-8")) | tokens)
    _write_json(folder / "generation_config.json", tokens | {"do_sample": False})


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2), encoding="utf-8")
