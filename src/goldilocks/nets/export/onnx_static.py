"""Static int8 quantisation of an exported backbone, calibrated on texts."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from goldilocks.errors import InputError
from goldilocks.nets.backbones.onnx_backbone import IDS, MASK
from goldilocks.nets.export.onnx_folder import GRAPH, quiet_quantiser, write_graph, write_rest
from goldilocks.nets.network import Network
from goldilocks.records import Text


def save_static_onnx(model: Network, folder: Path, texts: Sequence[Text]) -> None:
    """Write a network whose backbone is an ONNX graph with int8 matrices and calibrated int8 activations.

    Matrices have one scale for each output channel; activations have one scale and zero point each (min-max).

    Args:
        model: One for which ``onnx_folder.not_exportable`` returns ``None``.
        folder: An empty folder.
        texts: What the ranges are measured on.

    Raises:
        InputError: there are no texts.
    """
    if not texts:
        raise InputError("static quantisation needs texts to calibrate its ranges on; pass --texts.")
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    with tempfile.TemporaryDirectory() as scratch:
        exact = Path(scratch) / GRAPH
        write_graph(model, exact, int8=False)
        feeds = _feeds(model, exact, texts)
        model.save(folder)
        with quiet_quantiser():
            quantize_static(
                exact,
                folder / GRAPH,
                _reader(feeds),
                quant_format=QuantFormat.QDQ,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                per_channel=True,
                op_types_to_quantize=["MatMul", "Gemm", "Gather"],
                # Outputs are float32: rounding them to int8 would cost accuracy and gain no time.
                extra_options={
                    "MatMulConstBOnly": True,
                    "OpTypesToExcludeOutputQuantization": ["MatMul", "Gemm", "Gather"],
                },
            )
    write_rest(model, folder, row_by_row=False)


def _feeds(model: Network, graph: Path, texts: Sequence[Text]) -> list[dict[str, Any]]:
    """Inputs of the graph, a batch of texts each."""
    import onnx

    names = {graph_input.name for graph_input in onnx.load(graph).graph.input}
    feeds = []
    for _, batch in model.batches(model.rows(texts)):
        given = {IDS: batch.ids, MASK: batch.mask.long(), **batch.channels}
        empty = torch.zeros_like(batch.ids)  # as in ``OnnxBackbone``
        feeds.append({name: given.get(name, empty).cpu().numpy() for name in names})
    return feeds


def _reader(feeds: Sequence[dict[str, Any]]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """The feeds, one after the other."""

        def __init__(self) -> None:
            self._left = iter(feeds)

        def get_next(self) -> dict[str, Any] | None:
            return next(self._left, None)

    return Reader()
