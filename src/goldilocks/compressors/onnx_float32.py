"""BERT-shaped encoders on ONNX Runtime in float32: the same numbers up to rounding, operators fused.

No weight changes, so the answers agree to about 1e-5; whether it is faster is measured.
"""

from __future__ import annotations

from pathlib import Path

from goldilocks.nets.export.onnx import export, not_exportable
from goldilocks.protocols import Calibration, Model

KIND = "quantise"
ENGINE = "onnxruntime"
LEVELS = (1.0,)
SOURCE = "ONNX opset 17, ONNX Runtime's default graph optimisations."


def incompatibility(model: Model) -> str | None:
    """See ``protocols.Compressor``."""
    return not_exportable(model)


def compress(model: Model, level: float, folder: Path, calibration: Calibration) -> None:  # noqa: ARG001
    """See ``protocols.Compressor``."""
    export(model, folder, int8=False)
