"""BERT-shaped encoders on ONNX Runtime in float32: the same numbers up to rounding, operators fused.

No weight changes, so the answers agree to about 1e-5; whether it is faster is measured.
"""

from __future__ import annotations

from pathlib import Path

from goldilocks.protocols import Model

KIND = "quantise"
ENGINE = "onnxruntime"
LEVELS = (1.0,)
SOURCE = "ONNX opset 17, ONNX Runtime's default graph optimisations."


def incompatibility(model: Model) -> str | None:
    """See ``protocols.Compressor``."""
    if not hasattr(model, "module"):
        return "it is no neural network"
    from goldilocks.nets.export.onnx_folder import not_exportable
    from goldilocks.nets.network import Network

    return not_exportable(model) if isinstance(model, Network) else "it is no neural network of ours"


def compress(model: Model, level: float, folder: Path) -> None:  # noqa: ARG001
    """See ``protocols.Compressor``."""
    from goldilocks.nets.export.onnx_folder import save_onnx
    from goldilocks.nets.network import Network

    assert isinstance(model, Network)
    save_onnx(model, folder, int8=False)
