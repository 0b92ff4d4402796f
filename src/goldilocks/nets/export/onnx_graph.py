"""A network as one ONNX graph with tokenizer and a script: it runs without this package.

model.onnx       ids, mask (and types, …), each ``(rows, tokens)`` int64 -> what the kind of answer needs
                 (see ``GraphSignature``)
model.json       labels and what the script needs
tokenizer.json
predict.py       numpy, onnxruntime and tokenizers only
word_shape.py    of taggers: the features of words
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from goldilocks.nets.additions import not_traceable
from goldilocks.nets.backbones.base import Backbone
from goldilocks.nets.backbones.bert import BertBackbone
from goldilocks.nets.backbones.bi_encoder import BiEncoderBackbone
from goldilocks.nets.backbones.casing_embeddings import CasingEmbeddings
from goldilocks.nets.backbones.embeddings import EmbeddingBackbone
from goldilocks.nets.backbones.onnx_backbone import IDS, MASK, OnnxBackbone
from goldilocks.nets.export.onnx_folder import trace
from goldilocks.nets.export.onnx_form import FEATURES, PLACES, Axes, GraphSignature
from goldilocks.nets.export.onnx_head import ExportedHead
from goldilocks.nets.export.onnx_join import write_joined
from goldilocks.nets.heads.masked_lm_classifier import MaskedLMClassifier
from goldilocks.nets.heads.pair_scorer import CosineHead, PairScorer
from goldilocks.nets.heads.span_extractor import OVERLAP_SHARE, QUESTION_SHARE, SpanExtractor, frame_of
from goldilocks.nets.heads.token_classifier import TokenClassifier
from goldilocks.nets.network import Network
from goldilocks.nets.tokenization.batching import Batch
from goldilocks.records import AnswerRule
from goldilocks.support.text import word_shape

GRAPH = "model.onnx"
_POOLINGS = ("mean", "max", "first")
_HEADS = ("classifier", "masked_lm_classifier", "pair_scorer", "token_classifier", "span_extractor")


def not_exportable(model: Network) -> str | None:
    """Why a network cannot be exported as one graph, for the user; ``None``: it can."""
    kind, backbone = model.config.head.KIND, _inner(model.backbone)
    if kind not in _HEADS:
        return f"its head is a {kind}; {', '.join(_HEADS)} are exported as one graph. `goldilocks serve` runs this one"
    if not isinstance(backbone, BertBackbone | OnnxBackbone) and type(backbone) is not EmbeddingBackbone:
        return f"its backbone ({type(backbone).__name__}) is not exported; BERT-shaped and static embeddings are"
    if model.config.int8_embeddings:
        return "its embeddings are int8 tables; export the bundle that it was compressed from"
    at_masks = isinstance(model, MaskedLMClassifier)
    pools = (model.pools and not at_masks) or isinstance(model.backbone, BiEncoderBackbone)
    if pools and model.config.pooling not in _POOLINGS:
        return f"its pooling ({model.config.pooling}) is not exported"
    return not_traceable(model.config)


def _inner(backbone: Backbone) -> Backbone:
    return backbone.inner if isinstance(backbone, BiEncoderBackbone) else backbone


def save_model(model: Network, folder: Path, *, rule: AnswerRule, normalisation: str) -> GraphSignature:
    """Write a network for which ``not_exportable`` returns ``None``.

    Args:
        model: The network.
        folder: An empty folder.
        rule: How probabilities become answers.
        normalisation: Unicode form that texts are brought to; empty: none.

    Returns:
        What the graph takes and gives.
    """
    form = form_of(model)
    write_graph(model, form, folder / GRAPH)
    model.tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "kind": model.config.head.KIND,
        "labels": model.labels,
        "max_tokens": model.config.max_tokens,
        "pad_id": model.config.pad_id,
        "normalisation": normalisation,
        **_answer_config(model, rule),
    }
    (folder / "model.json").write_text(json.dumps(config, ensure_ascii=False, indent=2), encoding="utf-8")
    shutil.copy(Path(__file__).with_name("standalone_predict.py"), folder / "predict.py")
    if isinstance(model, TokenClassifier):
        shutil.copy(Path(word_shape.__file__), folder / "word_shape.py")
    return form


def form_of(model: Network) -> GraphSignature:
    """What the graph of a network takes and gives."""
    backbone = _inner(model.backbone)
    names = _token_inputs(backbone)
    rows: str | int = "rows" if MASK in names else 1
    inputs: dict[str, Axes] = dict.fromkeys(names, (rows, "tokens"))
    match model:
        case TokenClassifier():
            inputs[PLACES] = (rows, "words")
            if model.heads[0].wide is not None:
                inputs[FEATURES] = (rows, "words", word_shape.MAX_FEATURES)
            return GraphSignature(inputs, "scores", (rows, "words", len(model.labels)))
        case MaskedLMClassifier():
            inputs[PLACES] = (rows, model.options.n_masks)
            return GraphSignature(inputs, "probabilities", (rows, len(model.labels)))
        case SpanExtractor():
            return GraphSignature(inputs, "scores", (rows, "tokens", 2))
        case PairScorer() if isinstance(model.backbone, BiEncoderBackbone):
            return GraphSignature(inputs, "vectors", (rows, backbone.width))
        case PairScorer():
            return GraphSignature(inputs, "scores", (rows, 1))
        case _:
            return GraphSignature(inputs, "probabilities", (rows, len(model.labels)))


def _token_inputs(backbone: Backbone) -> list[str]:
    """Names of the inputs that have a number for each token; no mask where rows run alone, without padding."""
    if isinstance(backbone, OnnxBackbone):
        return [IDS] + ([] if backbone.row_by_row else [MASK]) + backbone.channels
    names = [IDS, MASK]
    if isinstance(backbone, BertBackbone) and backbone.types is not None and backbone.types.num_embeddings > 1:
        names.append("types")
    if isinstance(backbone, BertBackbone) and isinstance(backbone.channel_embeddings, CasingEmbeddings):
        names += list(backbone.channel_embeddings.keys())
    return names


def _answer_config(model: Network, rule: AnswerRule) -> dict[str, Any]:
    """What the script needs to turn the graph's output into answers."""
    match model:
        case TokenClassifier():
            return _tag_config(model)
        case SpanExtractor():
            frame = frame_of(model.tokenizer, model.config.pad_id)
            ids = {part: getattr(frame, part).tolist() for part in ("before", "between", "after")}
            shares = {"overlap_share": OVERLAP_SHARE, "question_share": QUESTION_SHARE}
            spans = model.options
            limits = {"max_answer_tokens": spans.max_answer_tokens, "may_be_empty": spans.may_be_empty}
            return {**ids, "types": list(frame.types), **shares, **limits}
        case PairScorer():
            options = model.options
            return {"low": options.low, "high": options.high, "lists": options.lists, **_cosine_config(model.head)}
        case _:
            patterns = model.export_patterns() if isinstance(model, MaskedLMClassifier) else {}
            return {"several": model.config.several, "error_costs": rule.error_costs, **patterns}


def _cosine_config(head: nn.Module) -> dict[str, Any]:
    if not isinstance(head, CosineHead):
        return {"bi_encoder": False}
    prior = None if head.wanted is None else head.wanted.detach().tolist()
    return {"bi_encoder": True, "scale": head.scale.item(), "offset": head.offset.item(), "prior": prior}


def _tag_config(model: TokenClassifier) -> dict[str, Any]:
    moves, first = model.transitions()
    before, after = model.frame
    return {
        "transitions": moves.tolist(),
        "start_transitions": first.tolist(),
        "crf": any(head.chain is not None for head in model.heads),
        "before": before.tolist(),
        "after": after.tolist(),
        **model.word_limits,
    }


class _Graph(nn.Module):
    """Ids to what the kind of answer needs, without branches that depend on values."""

    def __init__(self, model: Network, names: tuple[str, ...]) -> None:
        super().__init__()
        self.backbone, self.above, self.names = _inner(model.backbone), ExportedHead(model), names

    def forward(self, *tensors: Tensor) -> Tensor:
        given = dict(zip(self.names, tensors, strict=True))
        ids, mask = given.pop(IDS), given.pop(MASK)
        hidden = self.backbone.embed(Batch(ids, mask, given, ()))
        if isinstance(self.backbone, BertBackbone):
            keep = mask.bool()[:, None, None, :]
            for block in self.backbone.blocks:
                hidden = block(hidden, keep)
        scores: Tensor = self.above(hidden, mask, given.get(PLACES), given.get(FEATURES))
        return scores


def write_graph(model: Network, form: GraphSignature, path: Path) -> None:
    """The graph alone."""
    backbone = _inner(model.backbone)
    if isinstance(backbone, OnnxBackbone):
        write_joined(model, backbone, form, path)
    else:
        names = tuple(form.inputs)
        trace(_Graph(model, names), form.example(), form.output, form.open_axes(), path)
