"""Dynamic int8 quantisation of BERT-shaped encoders on ONNX Runtime: int8 matrices and tables, float32 head.

Each output channel of a matrix has a scale of its own; activations get theirs as they come. Since that scale is taken
over a whole batch, rows run one at a time: otherwise an item's answer would depend on its neighbours.
"""

from __future__ import annotations

from pathlib import Path

from goldilocks.nets.export.onnx import export, not_exportable
from goldilocks.protocols import Calibration, Model

KIND = "quantise"
ENGINE = "onnxruntime"
LEVELS = (1.0,)
SOURCE = "Jacob et al. 2018, Quantization and Training of Neural Networks; onnxruntime.quantization.quantize_dynamic."


def incompatibility(model: Model) -> str | None:
    """See ``protocols.Compressor``."""
    return not_exportable(model)


def compress(model: Model, level: float, folder: Path, calibration: Calibration) -> None:  # noqa: ARG001
    """See ``protocols.Compressor``."""
    export(model, folder, int8=True)
