"""ONNX Runtime on the CPU: the backbone as an ONNX graph, float32 or int8; head and decoding stay in PyTorch.

Its telemetry is off (``ORT_DISABLE_TELEMETRY``, which ``goldilocks/__init__`` sets before anything is imported).
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from goldilocks.errors import MissingError
from goldilocks.protocols import Model

EXTRA = "onnx"
SYSTEM_PACKAGES: tuple[str, ...] = ()


def unavailable() -> str | None:
    """See ``protocols.Engine``."""
    if importlib.util.find_spec("onnxruntime") is None:
        return "the package onnxruntime is not installed: pip install 'goldilocks-lm[onnx]'"
    return None


def load(folder: Path, family: str) -> Model:  # noqa: ARG001
    """The network in ``folder``, which ``nets/export/onnx_folder`` wrote. See ``protocols.Engine``.

    Raises:
        MissingError: ONNX Runtime is not installed.
    """
    reason = unavailable()
    if reason:
        raise MissingError(f"{folder}: its model runs on ONNX Runtime, and {reason}")
    from goldilocks.nets.export.onnx_folder import restored

    return restored(folder)
