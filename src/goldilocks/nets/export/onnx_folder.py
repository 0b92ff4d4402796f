"""A network's folder in which the backbone is an ONNX graph: written from a network, and read for inference.

network.json           as ``Network.save`` writes it
onnx.json              arguments of ``OnnxBackbone``: ``{"width": …, "row_by_row": …}``
backbone.onnx          ids, mask (and channels), each ``(rows, tokens)`` int64 -> states ``(rows, tokens, width)``
weights.safetensors    the head
tokenizer.json
"""

from __future__ import annotations

import json
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from goldilocks.nets.additions import not_traceable
from goldilocks.nets.assemble import network, read_config
from goldilocks.nets.backbones.bert import BertBackbone, BertBlock
from goldilocks.nets.backbones.casing_embeddings import CasingEmbeddings
from goldilocks.nets.backbones.entity_marker_embeddings import CHANNEL as ENTITIES
from goldilocks.nets.backbones.graph_sessions import OnnxRuntimeSession, OpenGraph
from goldilocks.nets.backbones.onnx_backbone import IDS, MASK, STATES, OnnxBackbone
from goldilocks.nets.export.fused_attention import traced_block
from goldilocks.nets.export.onnx_classifier import OnnxClassifier
from goldilocks.nets.network import Network
from goldilocks.nets.tokenization.batching import Batch
from goldilocks.nets.tokenization.tokenizer import read_tokenizer

GRAPH = "backbone.onnx"
_OPTIONS = "onnx.json"
OPSET = 17
_HEADS = ("classifier", "relation_classifier", "token_classifier", "span_extractor", "pair_scorer")


def not_exportable(model: Network) -> str | None:
    """Why a network cannot be exported, for the user; ``None``: it can."""
    if not isinstance(model.backbone, BertBackbone):
        return f"only BERT-shaped encoders are exported, this backbone is a {type(model.backbone).__name__}"
    if model.config.int8_embeddings:
        return "its embeddings are int8 tables already"
    if model.config.head.KIND not in _HEADS:
        return f"its head ({model.config.head.KIND}) is not exported"
    if reason := not_traceable(model.config):
        return reason
    return None


def save_onnx(model: Network, folder: Path, *, int8: bool) -> None:
    """Write a network with its backbone as an ONNX graph.

    Args:
        model: One for which ``not_exportable`` returns ``None``.
        folder: An empty folder.
        int8: Quantise matrices and tables to int8, a scale for each output channel; activations are quantised as they
            come (dynamic quantisation).
    """
    model.save(folder)
    write_graph(model, folder / GRAPH, int8=int8)
    write_rest(model, folder, row_by_row=int8)


def write_rest(model: Network, folder: Path, *, row_by_row: bool) -> None:
    """The head, and how the graph is run; ``row_by_row``: one row at a time, whatever the batch."""
    head = {name: weight for name, weight in model.module.state_dict().items() if name.startswith("head.")}
    from safetensors.torch import save_file

    save_file({name: weight.contiguous() for name, weight in head.items()}, folder / "weights.safetensors")
    options = {"width": model.backbone.width, "row_by_row": row_by_row}
    (folder / _OPTIONS).write_text(json.dumps(options), encoding="utf-8")


def write_graph(model: Network, path: Path, *, int8: bool) -> None:
    """The graph of a network's backbone."""
    if not int8:
        _export(model, path, padded=True)
        return
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as scratch:
        exact = Path(scratch) / GRAPH
        _export(model, exact, padded=False)  # rows run alone, so there is no padding
        with quiet_quantiser():
            # Seven bits for weights: processors without VNNI keep the sum of two products in 16 bits, where it would
            # saturate with eight.
            quantize_dynamic(exact, path, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True)


@contextmanager
def quiet_quantiser() -> Iterator[None]:
    """Without the quantiser's warnings: it recommends a preparation that only graphs with shapes left open need."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.WARNING))
    try:
        yield
    finally:
        logging.disable(before)


class _Graph(nn.Module):
    """The backbone as a function of tensors, without branches that depend on their values."""

    def __init__(self, backbone: BertBackbone, channels: tuple[str, ...], *, padded: bool) -> None:
        super().__init__()
        self.backbone, self.channels, self.padded = backbone, channels, padded

    def forward(self, ids: Tensor, mask: Tensor, *channels: Tensor) -> Tensor:
        hidden = self.backbone.embed(Batch(ids, mask, dict(zip(self.channels, channels, strict=True)), ()))
        kept = mask.to(torch.int32) if self.padded else None
        for block in self.backbone.blocks:
            hidden = traced_block(cast(BertBlock, block), hidden, kept)
        return hidden


def _export(model: Network, path: Path, *, padded: bool) -> None:
    backbone = model.backbone
    assert isinstance(backbone, BertBackbone)
    channels = _channels(backbone)
    # Few tokens: what is not one operator is traced as plain products, which hold for any length.
    example = torch.zeros((2, 3), dtype=torch.int64)
    inputs = (example, torch.ones_like(example), *(example for _ in channels))
    names = [IDS, MASK, *channels]
    open_axes = {name: {0: "rows", 1: "tokens"} for name in [*names, STATES]}
    trace(_Graph(backbone, channels, padded=padded), dict(zip(names, inputs, strict=True)), STATES, open_axes, path)


def trace(
    graph: nn.Module,
    inputs: Mapping[str, Tensor],
    output: str,
    axes: Mapping[str, Mapping[int, str]],
    path: Path,
    *,
    opset: int = OPSET,
) -> None:
    """Write a module as an ONNX graph by tracing it.

    Args:
        graph: One output, without branches that depend on values.
        inputs: Name -> example, in the order of the arguments.
        output: Its name.
        axes: Name of an input or of the output -> axis -> name of its size, which is left open.
        path: The file.
        opset: Version of ONNX's operators.
    """
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter is called legacy; the newer one needs another package
        torch.onnx.export(
            graph.eval(),
            tuple(inputs.values()),
            str(path),
            input_names=list(inputs),
            output_names=[output],
            dynamic_axes=axes,
            opset_version=opset,
            dynamo=False,
        )


def _channels(backbone: BertBackbone) -> tuple[str, ...]:
    """The channels of a batch that the backbone uses."""
    types = ("types",) if backbone.types is not None and backbone.types.num_embeddings > 1 else ()
    match backbone.channel_embeddings:
        case CasingEmbeddings() as tables:
            return (*types, *tables.keys())
        case None:
            return types
        case _:
            return (*types, ENTITIES)


def restored(folder: Path, open_graph: OpenGraph = OnnxRuntimeSession) -> Network:
    """The network that ``save_onnx`` wrote, ready for inference; ``open_graph``: what runs its graph."""
    options = json.loads((folder / _OPTIONS).read_text(encoding="utf-8"))
    config = read_config(folder)
    session = open_graph(folder / GRAPH)
    backbone = OnnxBackbone(
        session, width=int(options["width"]), row_by_row=bool(options["row_by_row"]), file=folder / GRAPH
    )
    tokenizer = read_tokenizer(folder / "tokenizer.json", config.max_tokens)
    loaded = network(backbone, tokenizer, config)
    if type(loaded) is Network:  # labels from one vector of each text
        loaded = OnnxClassifier(backbone, tokenizer, config)
    loaded.load_weights(folder)
    return loaded
