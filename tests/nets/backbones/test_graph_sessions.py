from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from goldilocks.nets.backbones.graph_sessions import (
    GraphSession,
    OnnxRuntimeSession,
    OpenGraph,
    OpenVinoSession,
    import_openvino,
)

SESSIONS: dict[str, OpenGraph] = {"onnxruntime": OnnxRuntimeSession, "openvino": OpenVinoSession}


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """States of a table of two dimensions, with those of tokens that are masked at 0; ``types`` shift them."""
    helper = pytest.importorskip("onnx.helper", reason="pip install 'goldilocks-lm[onnx]'")
    import onnx

    axes = ["rows", "tokens"]
    inputs = [helper.make_tensor_value_info(name, onnx.TensorProto.INT64, axes) for name in ("ids", "mask", "types")]
    output = helper.make_tensor_value_info("states", onnx.TensorProto.FLOAT, [*axes, 2])
    table = np.array([[0.5, 1.0], [2.0, 3.0], [1e-3, 7.0]], dtype=np.float32)
    constants = [
        helper.make_tensor("table", onnx.TensorProto.FLOAT, table.shape, table.ravel()),
        helper.make_tensor("last", onnx.TensorProto.INT64, [1], [-1]),
    ]
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["words"]),
        helper.make_node("Mul", ["mask", "types"], ["shift"]),
        *(
            node
            for name in ("mask", "shift")
            for node in (
                helper.make_node("Cast", [name], [f"{name}_float"], to=onnx.TensorProto.FLOAT),
                helper.make_node("Unsqueeze", [f"{name}_float", "last"], [f"{name}_wide"]),
            )
        ),
        helper.make_node("Mul", ["words", "mask_wide"], ["kept"]),
        helper.make_node("Add", ["kept", "shift_wide"], ["states"]),
    ]
    made = helper.make_graph(nodes, "tiny", inputs, [output], constants)
    path = tmp_path_factory.mktemp("graph") / "tiny.onnx"
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.fixture(params=SESSIONS)
def session(request: pytest.FixtureRequest, graph: Path) -> GraphSession:
    # Not ``importorskip``: importing OpenVINO that way would send its telemetry.
    if find_spec(request.param) is None:
        pytest.skip(f"pip install 'goldilocks-lm[{request.param}]'")
    return SESSIONS[request.param](graph)


def test_inputs_are_those_of_the_graph(session: GraphSession) -> None:
    assert sorted(session.inputs) == ["ids", "mask", "types"]


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 70)])
def test_output_of_any_size_is_that_of_the_graph(session: GraphSession, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    feeds = {"ids": rng.integers(0, 3, size), "mask": rng.integers(0, 2, size), "types": rng.integers(0, 2, size)}
    got = session.run(feeds)
    table = np.array([[0.5, 1.0], [2.0, 3.0], [1e-3, 7.0]], dtype=np.float32)
    mask = feeds["mask"][..., None]
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, table[feeds["ids"]] * mask + mask * feeds["types"][..., None], rtol=1e-6)


def test_threads_of_the_caller_stay_as_they_were(session: GraphSession) -> None:
    before = torch.get_num_threads()
    ones = np.ones((1, 2), dtype=np.int64)
    session.run({"ids": ones, "mask": ones, "types": ones})
    assert torch.get_num_threads() == before


def test_openvino_is_imported_while_its_telemetry_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "openvino.py").write_text(
        "try:\n    import openvino_telemetry\n    sends = True\nexcept ImportError:\n    sends = False\n"
    )
    (tmp_path / "openvino_telemetry.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("openvino", "openvino_telemetry"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    made = import_openvino()
    assert made.sends is False
    assert "openvino_telemetry" not in sys.modules  # others may import it
    assert import_openvino() is made
    monkeypatch.delitem(sys.modules, "openvino")


def test_telemetry_that_somebody_has_imported_stays_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "openvino.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "openvino", raising=False)
    theirs = type(sys)("openvino_telemetry")
    monkeypatch.setitem(sys.modules, "openvino_telemetry", theirs)
    import_openvino()
    assert sys.modules["openvino_telemetry"] is theirs
    monkeypatch.delitem(sys.modules, "openvino")


def test_signals_are_handled_after_sessions_were_released(graph: Path) -> None:
    if find_spec("openvino") is None:
        pytest.skip("pip install 'goldilocks-lm[openvino]'")
    # faulthandler sets a signal stack, and OpenVINO another (with AMX), which has to be there when a signal comes.
    program = """
import faulthandler, gc, signal, sys
from pathlib import Path
from goldilocks.nets.backbones.graph_sessions import OpenVinoSession
faulthandler.enable()
first, second = (OpenVinoSession(Path(sys.argv[1])) for _ in range(2))
first = gc.collect()
second = gc.collect()
signal.signal(signal.SIGUSR1, lambda *_: print("handled"))
signal.raise_signal(signal.SIGUSR1)
"""
    done = subprocess.run([sys.executable, "-c", program, graph], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "handled"), done.stderr[-400:]
