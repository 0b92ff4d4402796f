"""The client of exported model repositories, on a server in the same process."""

from __future__ import annotations

import importlib.util
import io
import json
import sys
import urllib.request
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from goldilocks.nets.export import standalone_predict
from goldilocks.testing import tiny

SOURCE = Path(standalone_predict.__file__).with_name("standalone_client.py")
CONFIG = {
    "kind": "classifier",
    "labels": ["food", "money"],
    "max_tokens": 64,
    "pad_id": 0,
    "normalisation": "",
    "several": False,
    "error_costs": [],
    "name": "MiniLM",
    "inputs": ["ids", "mask"],
}


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as it stands in an exported folder, beside ``predict.py``."""
    (tmp_path / "client.py").write_bytes(SOURCE.read_bytes())
    (tmp_path / "predict.py").write_bytes(Path(standalone_predict.__file__).read_bytes())
    (tmp_path / "model.json").write_text(json.dumps(CONFIG))
    (tmp_path / "tokenizer.json").write_bytes(
        (tiny.encoder_folder(tmp_path / "checkpoint") / "tokenizer.json").read_bytes()
    )
    monkeypatch.setattr(sys, "path", list(sys.path))  # it puts its folder there
    monkeypatch.delitem(sys.modules, "predict", raising=False)
    spec = importlib.util.spec_from_file_location("client", tmp_path / "client.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    monkeypatch.delitem(sys.modules, "predict")
    return made


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[urllib.request.Request]:
    """Requests to a server whose first label's probability is one over the tokens of the row."""
    requests: list[urllib.request.Request] = []

    def urlopen(request: urllib.request.Request, timeout: float) -> io.BytesIO:
        assert 0 < timeout <= 60
        requests.append(request)
        assert isinstance(request.data, bytes)
        given = {tensor["name"]: tensor for tensor in json.loads(request.data)["inputs"]}
        first = 1 / given["ids"]["shape"][1]
        output = {"name": "probabilities", "shape": [1, 2], "datatype": "FP32", "data": [first, 1 - first]}
        return io.BytesIO(json.dumps({"outputs": [output]}).encode())

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    return requests


def test_server_is_asked_as_the_protocol_has_it(
    client: ModuleType, asked: list[urllib.request.Request], tmp_path: Path
) -> None:
    answer = client.load(tmp_path, "http://127.0.0.1:8000/").predict("soup bread")
    (request,) = asked
    assert request.full_url == "http://127.0.0.1:8000/v2/models/MiniLM/infer"
    assert request.get_method() == "POST"
    assert request.get_header("Content-type") == "application/json"
    assert isinstance(request.data, bytes)
    ids, mask = json.loads(request.data)["inputs"]
    assert (ids["name"], ids["shape"], ids["datatype"]) == ("ids", [1, 4], "INT64")  # [CLS] soup bread [SEP]
    assert len(ids["data"]) == 4
    assert mask["data"] == [1, 1, 1, 1]
    assert answer == {"probabilities": {"food": 0.25, "money": 0.75}, "label": "money"}


def test_output_has_the_shape_that_the_server_states(client: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    output = {"name": "scores", "shape": [1, 2, 3], "datatype": "FP32", "data": list(range(6))}
    monkeypatch.setattr(
        urllib.request, "urlopen", lambda *_, **__: io.BytesIO(json.dumps({"outputs": [output]}).encode())
    )
    inputs, run = client.remote_graph("http://127.0.0.1:8000", CONFIG)
    got: Any = run({"ids": np.zeros((1, 2), np.int64)})
    assert inputs == ["ids", "mask"]
    assert got.dtype == np.float32
    assert got.tolist() == [[[0, 1, 2], [3, 4, 5]]]
