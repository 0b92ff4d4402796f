"""BERT-shaped networks as Hub folders that transformers loads without code of their own.

config.json  model.safetensors  tokenizer.json  tokenizer_config.json
modules.json, 1_Pooling/ …    of bi-encoders: sentence-transformers' files

Every BERT-shaped checkpoint is written as BERT, whatever it was read from: RoBERTa's table of positions without its
first rows, DistilBERT without token types. ELECTRA keeps its form where its embeddings are narrower than its layers.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from goldilocks.nets.additions import no_place, not_traceable
from goldilocks.nets.backbones.base import Backbone
from goldilocks.nets.backbones.bert import BertBackbone
from goldilocks.nets.backbones.bi_encoder import BiEncoderBackbone
from goldilocks.nets.backbones.onnx_backbone import OnnxBackbone
from goldilocks.nets.export.hub_tokenizer import save_tokenizer
from goldilocks.nets.export.pooling_layer import Head, fits, longest_state, pooling_layer, through_gelu, through_tanh
from goldilocks.nets.heads.masked_lm_classifier import MaskedLMClassifier
from goldilocks.nets.heads.pair_scorer import CosineHead, PairScorer
from goldilocks.nets.heads.span_extractor import SpanExtractor, has_pair_template
from goldilocks.nets.heads.token_classifier import TokenClassifier
from goldilocks.nets.network import Network
from goldilocks.nets.tokenization.tokenizer import special_tokens

_ROLES = {
    "classifier": "ForSequenceClassification",
    "pair_scorer": "ForSequenceClassification",
    "token_classifier": "ForTokenClassification",
    "span_extractor": "ForQuestionAnswering",
}
_PARTS = {
    "attention_norm": "attention.output.LayerNorm",
    "out": "attention.output.dense",
    "up": "intermediate.dense",
    "down": "output.dense",
    "norm": "output.LayerNorm",
}


def incompatibility(model: Network) -> str | None:
    """Why a network has no form in transformers with the same answers, for the user; ``None``: it has."""
    backbone, kind = _inner(model.backbone), model.config.head.KIND
    if kind not in _ROLES:
        remedy = "; use --to onnx" if isinstance(model, MaskedLMClassifier) else ""
        return f"transformers has no head like its {kind}{remedy}"
    if isinstance(backbone, OnnxBackbone):
        return "its backbone is an ONNX graph; use --to onnx or kserve, or export the bundle it was compressed from"
    if not isinstance(backbone, BertBackbone):
        return f"its backbone ({type(backbone).__name__}) is not exported; BERT-shaped encoders are"
    if reason := no_place(model.config):
        return reason if not_traceable(model.config) else f"{reason}; use --to onnx"
    if model.config.int8_embeddings:
        return "its embeddings are int8 tables; export the bundle that it was compressed from"
    if backbone.options.pruned:
        return "its blocks are pruned or factorised, which transformers' encoders cannot be; use --to onnx"
    if isinstance(model, TokenClassifier):
        return _tagging_problem(model, backbone)
    if backbone.channel_embeddings is not None:
        return "it embeds channels in addition to the tokens, which transformers' encoders do not"
    if isinstance(model, SpanExtractor) and not has_pair_template(model.tokenizer):
        return "its tokenizer has no template for pairs, and transformers would join question and context bare"
    if isinstance(model, PairScorer) and _is_bi_encoder(model):
        return None if model.config.pooling in ("mean", "first") else f"its pooling is {model.config.pooling}"
    return _pooling_problem(model) if model.pools else None


def _tagging_problem(model: TokenClassifier, backbone: BertBackbone) -> str | None:
    extra = [
        words
        for words, there in (
            ("a CRF", any(head.chain is not None for head in model.heads)),
            ("word-shape features", any(head.wide is not None for head in model.heads)),
            ("casing embeddings", backbone.channel_embeddings is not None),
        )
        if there
    ]
    if not extra:
        return None
    return f"it tags with {' and '.join(extra)}, which transformers' token classifiers lack; use --to onnx"


def _pooling_problem(model: Network) -> str | None:
    pooling, n_scores = model.config.pooling, cast(nn.Linear, model.head).out_features
    if pooling not in ("mean", "first"):
        return f"its pooling ({pooling}) has no form in transformers; mean and first have"
    if not fits(n_scores, model.backbone.width):
        return f"it has {n_scores} labels, and a network {model.backbone.width} wide has room for three fewer than that"
    return None


def _inner(backbone: Backbone) -> Backbone:
    return backbone.inner if isinstance(backbone, BiEncoderBackbone) else backbone


def _is_bi_encoder(model: Network) -> bool:
    return isinstance(model.backbone, BiEncoderBackbone)


def save_hub(model: Network, folder: Path, *, normalisation: str) -> None:
    """Write a network for which ``incompatibility`` returns ``None``.

    Args:
        model: The network; it does not change.
        folder: An empty folder.
        normalisation: Unicode form that texts are brought to; empty: none.
    """
    from safetensors.torch import save_file

    backbone = cast(BertBackbone, _inner(model.backbone))
    kind = "electra" if backbone.widen is not None else "bert"
    weights = {f"{kind}.{name}": weight for name, weight in _backbone_weights(backbone).items()}
    layers = backbone.depth
    if _is_bi_encoder(model):
        weights = {name.removeprefix(f"{kind}."): weight for name, weight in weights.items()}
        _save_sentence_transformer(cast(CosineHead, model.head), model.config.pooling, model.config.max_tokens, folder)
    elif model.pools:
        added = _sequence_head(model, backbone, kind)
        layers += any(".layer." in name for name in added)
        weights |= added
    else:
        weights |= _token_head(model)
    save_file(
        {name: weight.float().contiguous().clone() for name, weight in weights.items()},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    config = _config(model, backbone, kind, layers)
    (folder / "config.json").write_text(json.dumps(config, ensure_ascii=False, indent=2), encoding="utf-8")
    before, after = special_tokens(model.tokenizer)
    special = {
        role: str(model.tokenizer.id_to_token(int(ids[-1])))
        for role, ids in (("cls_token", before[:1]), ("sep_token", after[:1]))
        if len(ids)
    }
    save_tokenizer(
        model.tokenizer,
        folder,
        max_tokens=model.config.max_tokens,
        pad_id=model.config.pad_id,
        types=_several_types(backbone),
        normalisation=normalisation,
        special=special,
    )


def _several_types(backbone: BertBackbone) -> bool:
    return backbone.types is not None and backbone.types.num_embeddings > 1


def _backbone_weights(backbone: BertBackbone) -> dict[str, Tensor]:
    """Weights by their name in transformers' ``BertModel`` (``ElectraModel``)."""
    state = {name: weight.detach().float() for name, weight in backbone.state_dict().items()}
    width = backbone.options.embedding_width
    weights = {
        "embeddings.word_embeddings.weight": state["words.weight"],
        "embeddings.position_embeddings.weight": state["positions.weight"][backbone.options.first_position :],
        "embeddings.token_type_embeddings.weight": state.get("types.weight", torch.zeros(1, width)),
        "embeddings.LayerNorm.weight": state["embedding_norm.weight"],
        "embeddings.LayerNorm.bias": state["embedding_norm.bias"],
    }
    if backbone.widen is not None:
        weights |= {f"embeddings_project.{part}": state[f"widen.{part}"] for part in ("weight", "bias")}
    for number in range(backbone.depth):
        stem, layer = f"blocks.{number}", f"encoder.layer.{number}"
        for kind in ("weight", "bias"):
            for part, rows in zip(("query", "key", "value"), state[f"{stem}.qkv.{kind}"].chunk(3), strict=True):
                weights[f"{layer}.attention.self.{part}.{kind}"] = rows
            weights |= {f"{layer}.{theirs}.{kind}": state[f"{stem}.{ours}.{kind}"] for ours, theirs in _PARTS.items()}
    return weights


def _sequence_head(model: Network, backbone: BertBackbone, kind: str) -> dict[str, Tensor]:
    """The head's weights, and those of a layer that pools where the pooling is a mean."""
    linear, options = cast(nn.Linear, model.head), backbone.options
    top = cast(Any, backbone.blocks[-1]).norm if backbone.depth else backbone.embedding_norm
    longest = longest_state(top.weight.detach().float(), top.bias.detach().float())
    head = Head(linear.weight.detach().float(), linear.bias.detach().float(), longest)
    weights: dict[str, Tensor] = {}
    if model.config.pooling == "mean":
        layer, head = pooling_layer(head, options.inner, options.epsilon)
        weights = {f"{kind}.encoder.layer.{options.depth}.{name}": weight for name, weight in layer.items()}
    if kind == "electra":
        names = ("classifier.dense.weight", "classifier.dense.bias", "classifier.out_proj.weight")
        return weights | dict(zip((*names, "classifier.out_proj.bias"), through_gelu(head), strict=True))
    names = ("bert.pooler.dense.weight", "bert.pooler.dense.bias", "classifier.weight")
    return weights | dict(zip((*names, "classifier.bias"), through_tanh(head), strict=True))


def _token_head(model: Network) -> dict[str, Tensor]:
    """Head of a tagger (of several, their mean) or of a span extractor."""
    if isinstance(model, TokenClassifier):
        linears = [head.linear for head in model.heads]
        return {
            "classifier.weight": torch.stack([linear.weight.detach().float() for linear in linears]).mean(0),
            "classifier.bias": torch.stack([linear.bias.detach().float() for linear in linears]).mean(0),
        }
    linear = cast(nn.Linear, model.head)
    return {"qa_outputs.weight": linear.weight.detach(), "qa_outputs.bias": linear.bias.detach()}


def _config(model: Network, backbone: BertBackbone, kind: str, layers: int) -> dict[str, Any]:
    options = backbone.options
    role = "Model" if _is_bi_encoder(model) else _ROLES[model.config.head.KIND]
    config: dict[str, Any] = {
        "architectures": [f"{kind.capitalize()}{role}"],
        "model_type": kind,
        "vocab_size": options.vocabulary,
        "hidden_size": options.width,
        "num_hidden_layers": layers,
        "num_attention_heads": options.heads,
        "intermediate_size": options.inner,
        "hidden_act": options.activation,
        "max_position_embeddings": options.positions - options.first_position,
        "type_vocab_size": max(1, options.types),
        "layer_norm_eps": options.epsilon,
        "pad_token_id": model.config.pad_id,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "dtype": "float32",
    }
    if kind == "electra":
        config["embedding_size"] = options.embedding_width
    return config | _answer_config(model)


def _answer_config(model: Network) -> dict[str, Any]:
    if isinstance(model, PairScorer):
        return {} if _is_bi_encoder(model) else {"id2label": {"0": "score"}, "label2id": {"score": 0}}
    if not model.labels:
        return {}
    several = model.config.several
    config: dict[str, Any] = {
        "id2label": {str(number): label for number, label in enumerate(model.labels)},
        "label2id": {label: number for number, label in enumerate(model.labels)},
    }
    if model.pools:
        config["problem_type"] = "multi_label_classification" if several else "single_label_classification"
    return config


def _save_sentence_transformer(head: CosineHead, pooling: str, max_tokens: int, folder: Path) -> None:
    """Pooling, the head's matrix and normalisation as modules of sentence-transformers."""
    from safetensors.torch import save_file

    width = head.turn.in_features
    matrix = torch.eye(width) + head.turn_scale * head.turn.weight.detach().float().cpu()
    kinds = ("Transformer", "Pooling", "Dense", "Normalize")
    paths = ("", "1_Pooling", "2_Dense", "3_Normalize")
    modules = [
        {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for number, (kind, path) in enumerate(zip(kinds, paths, strict=True))
    ]
    _write_json(folder / "modules.json", modules)
    _write_json(folder / "config_sentence_transformers.json", {"similarity_fn_name": "cosine", "prompts": {}})
    _write_json(folder / "sentence_bert_config.json", {"max_seq_length": max_tokens, "do_lower_case": False})
    for path in paths[1:]:
        (folder / path).mkdir()
    modes = {"pooling_mode_mean_tokens": pooling == "mean", "pooling_mode_cls_token": pooling == "first"}
    _write_json(folder / paths[1] / "config.json", {"word_embedding_dimension": width, **modes})
    dense = {"in_features": width, "out_features": width, "bias": False}
    identity = {"activation_function": "torch.nn.modules.linear.Identity"}
    _write_json(folder / paths[2] / "config.json", dense | identity)
    save_file({"linear.weight": matrix.contiguous()}, folder / paths[2] / "model.safetensors")


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2), encoding="utf-8")
