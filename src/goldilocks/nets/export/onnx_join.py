"""The graph of a compressed network's backbone, joined with what is above it to one ONNX graph.

The backbone's operators and weights (float32 or int8) stay as they are, so the joined graph gives the compressed
bundle's answers and not those of the network that it was made from.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from goldilocks.nets.backbones.onnx_backbone import IDS, MASK, STATES, OnnxBackbone
from goldilocks.nets.export.onnx_folder import trace
from goldilocks.nets.export.onnx_form import FEATURES, PLACES, GraphSignature
from goldilocks.nets.export.onnx_head import ExportedHead
from goldilocks.nets.network import Network

_ABOVE = "above/"
"""Before the names of what is above the backbone, so that they differ from the backbone's."""


class _Above(nn.Module):
    """``ExportedHead`` with the inputs that it needs in their order."""

    def __init__(self, model: Network, names: tuple[str, ...]) -> None:
        super().__init__()
        self.above, self.names = ExportedHead(model), names

    def forward(self, hidden: Tensor, *others: Tensor) -> Tensor:
        given = dict(zip(self.names, others, strict=True))
        scores: Tensor = self.above(hidden, given.get(MASK), given.get(PLACES), given.get(FEATURES))
        return scores


def write_joined(model: Network, backbone: OnnxBackbone, form: GraphSignature, path: Path) -> None:
    """Write the graph of a network whose backbone is a graph itself.

    Args:
        model: The network.
        backbone: Its backbone, read from a file.
        form: What the graph takes and gives.
        path: The file to write.
    """
    import onnx
    from onnx import TensorProto, compose, helper

    assert backbone.file is not None
    joined = onnx.load(backbone.file)
    versions = {each.domain: each.version for each in joined.opset_import}
    above = _traced_above(model, form, opset=versions[""])
    compose.add_prefix(above, _ABOVE, rename_inputs=False, rename_outputs=False, inplace=True)
    graph = joined.graph
    graph.node.extend(above.graph.node)
    graph.initializer.extend(above.graph.initializer)
    for table in (graph.input, graph.output, graph.value_info):  # shapes of the parts say nothing that is needed
        del table[:]
    inputs = (helper.make_tensor_value_info(name, TensorProto.INT64, axes) for name, axes in form.inputs.items())
    graph.input.extend(inputs)
    graph.output.append(helper.make_tensor_value_info(form.output, TensorProto.FLOAT, form.axes))
    onnx.save(joined, path)


def _traced_above(model: Network, form: GraphSignature, *, opset: int) -> Any:
    """The part above the backbone as a graph: states (and the mask, the words' places and features) to the output."""
    import onnx

    example, width = form.example(), model.backbone.width
    rows, tokens = example[IDS].shape
    wanted = (MASK, FEATURES) if model.pools and PLACES not in example else (PLACES, FEATURES)
    names = tuple(name for name in wanted if name in example)
    inputs = {STATES: torch.zeros((rows, tokens, width)), **{name: example[name] for name in names}}
    open_axes = form.open_axes() | {STATES: form.open_axes()[IDS]}
    axes = {name: open_axes[name] for name in (*inputs, form.output)}
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "above.onnx"
        trace(_Above(model, names), inputs, form.output, axes, file, opset=opset)
        return onnx.load(file)
