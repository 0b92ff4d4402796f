"""ONNX graphs on ONNX Runtime or OpenVINO: inputs by name in, the one output out. Telemetry of both is off."""

from __future__ import annotations

import functools
import mmap
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from goldilocks.errors import IntegrityError
from goldilocks.support.machine.hardware import cores

Arrays = Mapping[str, npt.NDArray[np.int64]]


class GraphSession(Protocol):
    """A graph that is ready to run."""

    inputs: tuple[str, ...]
    """Names of its inputs."""

    def run(self, feeds: Arrays) -> npt.NDArray[np.float32]:
        """The graph's output."""


OpenGraph = Callable[[Path], GraphSession]
SLOWER_FUSIONS = ("SkipLayerNormFusion", "BiasGeluFusion")
"""Fusions whose operators take longer on a CPU than those they replace (MiniLM, one core: up to 10 % of a text)."""


def _threads() -> int:
    return min(cores(), torch.get_num_threads())


def _check_alone(path: Path) -> None:
    """See that a graph holds its weights itself: it could name any other file of the machine as their place.

    Raises:
        IntegrityError: it has tensors elsewhere (``external_data`` with a ``location``).
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content.find(b"location") >= 0:
            raise IntegrityError(f"{path}: has weights in other files (external data); a bundle's graph holds its own.")


class OnnxRuntimeSession:
    """A graph on ONNX Runtime's CPU provider."""

    def __init__(self, path: Path) -> None:
        """Open the graph.

        Raises:
            IntegrityError: its weights are in other files.
        """
        import onnxruntime

        _check_alone(path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = _threads()
        options.inter_op_num_threads = 1
        # Spinning threads would take the processor from PyTorch's, which compute the head.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"], disabled_optimizers=list(SLOWER_FUSIONS)
        )
        self.inputs = tuple(each.name for each in self._session.get_inputs())

    def run(self, feeds: Arrays) -> npt.NDArray[np.float32]:
        """See ``GraphSession``."""
        output: npt.NDArray[np.float32] = self._session.run(None, dict(feeds))[0]
        return output


class OpenVinoSession:
    """A graph on OpenVINO's CPU plug-in, in float32 as it is stored (by default it would compute in bfloat16)."""

    def __init__(self, path: Path) -> None:
        """Read and compile the graph.

        Raises:
            IntegrityError: its weights are in other files.
        """
        _check_alone(path)
        core = _openvino_core()
        options = {
            "INFERENCE_NUM_THREADS": _threads(),
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
        }
        self._compiled = core.compile_model(core.read_model(str(path)), "CPU", options)
        self.inputs = tuple(each.any_name for each in self._compiled.inputs)

    def run(self, feeds: Arrays) -> npt.NDArray[np.float32]:
        """See ``GraphSession``."""
        # A request of its own: one that is shared must not run in two threads at a time.
        results = self._compiled.create_infer_request().infer(dict(feeds))
        output: npt.NDArray[np.float32] = results[0]
        return output


@functools.cache
def _openvino_core() -> Any:
    """OpenVINO's core, one for the life of the process.

    On processors with AMX each CPU plug-in sets an alternate signal stack and restores the one before when it is
    released. With two of them, released in the order in which they were made, that is the stack of the first, which is
    no longer mapped, and the next signal ends the process.
    """
    return import_openvino().Core()


def import_openvino() -> Any:
    """The package ``openvino`` without its telemetry.

    Importing it sends an event and writes to ``~/intel``, unless ``openvino_telemetry`` cannot be imported: then it
    uses an empty substitute of its own.
    """
    if "openvino" not in sys.modules:
        blocked = sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        try:
            import openvino  # noqa: F401
        finally:
            if blocked is None:
                del sys.modules["openvino_telemetry"]
    return sys.modules["openvino"]
