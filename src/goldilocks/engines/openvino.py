"""OpenVINO on the CPU: the backbone's ONNX graph, as for ``onnxruntime``; head and decoding stay in PyTorch.

Its telemetry is off: the package is imported without ``openvino_telemetry`` (``nets/backbones/graph_sessions``).
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from goldilocks.errors import MissingError
from goldilocks.protocols import Model

EXTRA = "openvino"
SYSTEM_PACKAGES: tuple[str, ...] = ()
READS = "onnxruntime"


def unavailable() -> str | None:
    """See ``protocols.Engine``."""
    if importlib.util.find_spec("openvino") is None:
        return "the package openvino is not installed: pip install 'goldilocks-lm[openvino]'"
    return None


def incompatibility(model: Model) -> str | None:  # noqa: ARG001
    """``None``: it runs all graphs. See ``protocols.ReadsFolders``."""
    return None


def load(folder: Path, family: str) -> Model:  # noqa: ARG001
    """The network in ``folder``, which ``nets/export/onnx_folder`` wrote. See ``protocols.Engine``.

    Raises:
        MissingError: OpenVINO is not installed.
    """
    reason = unavailable()
    if reason:
        raise MissingError(f"{folder}: its model runs on OpenVINO, and {reason}")
    from goldilocks.nets.backbones.graph_sessions import OpenVinoSession
    from goldilocks.nets.export.onnx_folder import restored

    return restored(folder, OpenVinoSession)
