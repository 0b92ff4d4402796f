"""Encoders on OpenVINO against the same encoders on PyTorch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

from goldilocks import plugins
from goldilocks.errors import MissingError
from goldilocks.nets.export.onnx_folder import save_onnx
from goldilocks.nets.network import Network
from goldilocks.records import Output
from goldilocks.testing import tiny
from goldilocks.testing.contracts import alike

CASES = [
    case for case in tiny.cases({Output.LABEL, Output.TAGS, Output.SPAN}) if case.name in ("pairs", "tags", "spans")
]
ENGINE = plugins.load("engines", "openvino")


def encoder(folder: Path, case: tiny.Case) -> Network:
    family = plugins.load("families", "encoder")
    checkpoint = tiny.encoder_folder(folder)
    info = family.describe(checkpoint, str(checkpoint))
    assert info is not None
    return cast(Network, family.create(info, checkpoint, case.part, case.goal, seed=0))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_graph_answers_as_torch(tmp_path: Path, case: tiny.Case) -> None:
    network = encoder(tmp_path / "checkpoint", case)
    save_onnx(network, tmp_path / "saved", int8=False)

    again = ENGINE.load(tmp_path / "saved", "encoder")

    texts = (*case.part.texts[:10], *case.odd)
    assert alike(again.predict(texts), network.predict(texts)) < 1e-5


def test_telemetry_is_off_and_nothing_is_written(tmp_path: Path) -> None:
    save_onnx(encoder(tmp_path / "checkpoint", CASES[0]), tmp_path / "saved", int8=False)
    home = tmp_path / "home"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "CI"}  # which hides the telemetry
    environment |= {"HOME": str(home), "TMPDIR": str(home), "XDG_CACHE_HOME": str(home)}
    code = (
        "import sys\nfrom pathlib import Path\nfrom goldilocks import plugins\n"
        f"model = plugins.load('engines', 'openvino').load(Path({str(tmp_path / 'saved')!r}), 'encoder')\n"
        "model.predict([('soup', 'bread')])\n"
        "print(any(name.startswith('openvino_telemetry') for name in sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "False"
    assert list(home.iterdir()) == []


def test_missing_package_is_named_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(MissingError, match=r"pip install 'goldilocks-lm\[openvino\]'"):
        ENGINE.load(tmp_path, "encoder")
