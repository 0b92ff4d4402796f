"""Static int8 quantisation of BERT-shaped encoders on ONNX Runtime, in QDQ form: ranges of activations are calibrated.

Dynamic quantisation measures the range of each activation as it comes; here it is fixed beforehand from up to 128
calibration texts. An answer therefore does not depend on its neighbours, and rows run in batches. What lies outside
a calibrated range saturates, so texts unlike those of the calibration lose more: the gate decides.
"""

from __future__ import annotations

from pathlib import Path

from goldilocks.nets.export.onnx import export_static, not_exportable
from goldilocks.protocols import Calibration, Model

KIND = "quantise"
ENGINE = "onnxruntime"
LEVELS = (1.0,)
FEWEST_TEXTS = 32
SOURCE = (
    "Jacob et al. 2018, Quantization and Training of Neural Networks; onnxruntime.quantization.quantize_static (QDQ)."
)
_TEXTS = 128


def incompatibility(model: Model) -> str | None:
    """See ``protocols.Compressor``."""
    return not_exportable(model)


def compress(model: Model, level: float, folder: Path, calibration: Calibration) -> None:  # noqa: ARG001
    """See ``protocols.Compressor``."""
    # Evenly spaced, since rows of a file are often sorted by label.
    step = max(1, len(calibration.texts) // _TEXTS)
    export_static(model, folder, calibration.texts[::step][:_TEXTS])
