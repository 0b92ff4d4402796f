from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from goldilocks import plugins
from goldilocks.nets.export.onnx import export, export_static, not_exportable
from goldilocks.nets.network import Network
from goldilocks.testing import tiny
from goldilocks.testing.contracts import alike

PART = tiny.part(12)


def test_what_is_exported_and_why_the_rest_is_not(tmp_path: Path) -> None:
    counted = plugins.load("families", "naive_bayes")
    model = counted.create(counted.models()[0], None, PART, tiny.GOAL, seed=0)
    assert not_exportable(model) == "it is not a neural network"
    theirs = SimpleNamespace(module=None)
    assert not_exportable(theirs) == "its network was built elsewhere"
    cnns = plugins.load("families", "cnn")
    cnn = cnns.create(cnns.models()[0], None, PART, tiny.GOAL, seed=0)
    assert not_exportable(cnn) == "only BERT-shaped encoders are exported, this backbone is a CnnBackbone"
    assert not_exportable(tiny.encoder(tmp_path / "checkpoint", PART)) is None


@pytest.mark.parametrize(("kind", "tolerance"), [("float32", 1e-5), ("int8", 0.05), ("static", 0.05)])
def test_each_form_answers_as_the_network(tmp_path: Path, kind: str, tolerance: float) -> None:
    pytest.importorskip("onnxruntime", reason="pip install 'goldilocks-lm[onnx]'")
    network = tiny.encoder(tmp_path / "checkpoint", PART, depth=1)
    (tmp_path / "out").mkdir()
    if kind == "static":
        export_static(network, tmp_path / "out", PART.texts)
    else:
        export(network, tmp_path / "out", int8=kind == "int8")
    again = plugins.load("engines", "onnxruntime").load(tmp_path / "out", "encoder")
    assert isinstance(again, Network)
    assert alike(again.predict(PART.texts), network.predict(PART.texts)) < tolerance
