"""OpenVINO folders: the script's answers against the network's."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from exported_models import CASES, encoder

from goldilocks import plugins
from goldilocks.nets.export.onnx_folder import save_onnx
from goldilocks.nets.export.standalone_predict import load
from goldilocks.records import ExportSettings

# Not ``importorskip``: importing it here would send its telemetry.
pytestmark = pytest.mark.skipif(find_spec("openvino") is None, reason="pip install 'goldilocks-lm[openvino]'")

SCRIPT = """\
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
sys.modules["goldilocks"] = sys.modules["torch"] = sys.modules["onnxruntime"] = None
import predict
model = predict.load(Path(sys.argv[1]))
print(json.dumps([model.predict(*item) for item in json.loads(sys.argv[2])]))
"""


@pytest.mark.parametrize(("int8", "engine"), [(False, "onnxruntime"), (True, "openvino"), (True, "onnxruntime")])
def test_int8_is_exported_only_where_openvino_was_judged(tmp_path: Path, int8: bool, engine: str) -> None:
    save_onnx(encoder(tmp_path / "checkpoint", "en"), tmp_path / "saved", int8=int8)
    network = plugins.load("engines", engine).load(tmp_path / "saved", "encoder")
    exporter = plugins.load("exporters", "openvino")

    reason = exporter.incompatibility(network)

    if int8 and engine == "onnxruntime":
        assert "was judged on ONNX Runtime, and OpenVINO rounds it to other probabilities; use --to onnx" in str(reason)
        return
    assert reason is None
    (tmp_path / "out").mkdir()
    exporter.export(network, ExportSettings(), tmp_path / "out")
    model = load(tmp_path / "out")
    for text in CASES["en"].part.texts[:4]:
        expected = network.predict([text]).probabilities[0]
        assert list(model.predict(str(text))["probabilities"].values()) == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("name", ["pairs", "tags"])
def test_script_answers_as_the_network_without_this_package(tmp_path: Path, name: str) -> None:
    import json

    network = encoder(tmp_path / "checkpoint", name)
    exporter = plugins.load("exporters", "openvino")
    folder, home = tmp_path / "out", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    exporter.export(network, ExportSettings(), folder)
    items = CASES[name].part.texts[:5]

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder), json.dumps(items)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "CI": "", "HOME": str(home)},
    )

    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    expected = network.predict(items)
    if name == "tags":
        assert tuple(tuple(answer["tags"]) for answer in answers) == expected.values
    else:
        for answer, row in zip(answers, expected.probabilities, strict=True):
            assert list(answer["probabilities"].values()) == pytest.approx(row, abs=1e-5)
    assert list(home.iterdir()) == []  # no telemetry
    assert not (folder / "model.onnx").exists()
