"""A classifier as one ONNX graph with tokenizer and a script: it runs without this package.

model.onnx       ids, mask (and types), each ``(rows, tokens)`` int64 -> probabilities ``(rows, labels)``
model.json       labels and what the script needs
tokenizer.json
predict.py       numpy, onnxruntime and tokenizers only
"""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from goldilocks.nets.additions import not_traceable
from goldilocks.nets.backbones.base import pool
from goldilocks.nets.backbones.bert import BertBackbone
from goldilocks.nets.backbones.embeddings import EmbeddingBackbone
from goldilocks.nets.export.onnx_folder import OPSET
from goldilocks.nets.network import Network
from goldilocks.nets.tokenization.batching import Batch
from goldilocks.records import AnswerRule

_POOLINGS = ("mean", "max", "first")


def not_exportable(model: Network) -> str | None:
    """Why a network cannot be exported as one graph, for the user; ``None``: it can."""
    if model.config.head.KIND != "classifier":
        return f"only classifiers are exported as one graph, its head is a {model.config.head.KIND}"
    if not isinstance(model.backbone, BertBackbone) and type(model.backbone) is not EmbeddingBackbone:
        return f"its backbone ({type(model.backbone).__name__}) is not exported; BERT-shaped and static embeddings are"
    if model.config.pooling not in _POOLINGS:
        return f"its pooling ({model.config.pooling}) is not exported"
    if reason := not_traceable(model.config):
        return reason
    return None


def save_classifier(model: Network, folder: Path, *, rule: AnswerRule, normalisation: str) -> None:
    """Write a network that ``not_exportable`` says nothing against.

    Args:
        model: The classifier.
        folder: An empty folder.
        rule: How probabilities become answers.
        normalisation: Unicode form that texts are brought to; empty: none.
    """
    backbone = model.backbone
    typed = isinstance(backbone, BertBackbone) and backbone.types is not None and backbone.types.num_embeddings > 1
    names = ["ids", "mask", *(["types"] if typed else [])]
    _export(_Graph(model).eval(), names, folder / "model.onnx")
    model.tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "labels": model.labels,
        "several": model.config.several,
        "max_tokens": model.config.max_tokens,
        "pad_id": model.config.pad_id,
        "normalisation": normalisation,
        "error_costs": rule.error_costs,
    }
    (folder / "model.json").write_text(json.dumps(config, ensure_ascii=False, indent=2), encoding="utf-8")
    shutil.copy(Path(__file__).with_name("standalone_predict.py"), folder / "predict.py")


class _Graph(nn.Module):
    """Ids to probabilities, without branches that depend on values."""

    def __init__(self, model: Network) -> None:
        super().__init__()
        self.backbone, self.head = model.backbone, model.head
        self.pooling, self.several = model.config.pooling, model.config.several

    def forward(self, ids: Tensor, mask: Tensor, *types: Tensor) -> Tensor:
        hidden = self.backbone.embed(Batch(ids, mask, dict(zip(("types",), types, strict=False)), ()))
        if isinstance(self.backbone, BertBackbone):
            keep = mask.bool()[:, None, None, :]
            for block in self.backbone.blocks:
                hidden = block(hidden, keep)
        scores: Tensor = self.head(pool(hidden, mask, self.pooling)).float()
        return scores.sigmoid() if self.several else scores.softmax(-1)


def _export(graph: nn.Module, names: Sequence[str], path: Path) -> None:
    example = torch.ones((2, 3), dtype=torch.int64)
    open_axes = {name: {0: "rows", 1: "tokens"} for name in names} | {"probabilities": {0: "rows"}}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in ``onnx_folder``
        torch.onnx.export(
            graph,
            tuple(example for _ in names),
            str(path),
            input_names=list(names),
            output_names=["probabilities"],
            dynamic_axes=open_axes,
            opset_version=OPSET,
            dynamo=False,
        )
