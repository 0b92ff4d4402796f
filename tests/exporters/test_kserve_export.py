"""Model repositories: read with Triton's own schema, and asked over HTTP through the client."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

pytest.importorskip("onnxruntime", reason="pip install 'goldilocks-lm[onnx]'")

import onnxruntime
from exported_models import CASES, encoder

from goldilocks import plugins
from goldilocks.nets.export.model_repository import MAX_ROWS
from goldilocks.nets.export.onnx_folder import restored, save_onnx
from goldilocks.nets.network import Network
from goldilocks.records import ExportSettings

NAME = "ner-all-MiniLM"


def exported(network: Network, folder: Path) -> Path:
    exporter = plugins.load("exporters", "kserve")
    assert exporter.incompatibility(network) is None
    folder.mkdir()
    exporter.export(network, ExportSettings(NAME), folder)
    return folder


@pytest.mark.parametrize(
    ("case", "form"),
    [
        ("pairs", "torch"),
        ("tags", "torch"),
        ("ranking", "torch"),
        ("spans", "torch"),
        ("en", "float32"),
        ("en", "int8"),
    ],
)
def test_config_has_the_tensors_of_the_graph(tmp_path: Path, case: str, form: str) -> None:
    messages = pytest.importorskip("tritonclient.grpc.model_config_pb2", reason="pip install 'tritonclient[grpc]'")
    from google.protobuf import text_format

    network = encoder(tmp_path / "checkpoint", case)
    if form != "torch":
        save_onnx(network, tmp_path / "saved", int8=form == "int8")
        network = restored(tmp_path / "saved")
    repository = exported(network, tmp_path / "out") / "models" / NAME

    config = text_format.Parse((repository / "config.pbtxt").read_text(), messages.ModelConfig())

    session = onnxruntime.InferenceSession(str(repository / "1" / "model.onnx"))
    assert config.name == repository.name
    assert config.max_batch_size == (0 if form == "int8" else MAX_ROWS)
    batch = 1 if config.max_batch_size else 0  # axes that the config leaves out
    for tensors, nodes, kind in (
        (config.input, session.get_inputs(), messages.TYPE_INT64),
        (config.output, session.get_outputs(), messages.TYPE_FP32),
    ):
        declared = {tensor.name: list(tensor.dims) for tensor in tensors}
        assert declared == {
            node.name: [size if isinstance(size, int) else -1 for size in node.shape[batch:]] for node in nodes
        }
        assert {tensor.data_type for tensor in tensors} == {kind}


def test_inference_service_names_the_runtime_and_the_protocol(tmp_path: Path) -> None:
    folder = exported(encoder(tmp_path / "checkpoint", "en"), tmp_path / "out")

    service = yaml.safe_load((folder / "inference_service.yaml").read_text())

    assert service["kind"] == "InferenceService"
    assert service["metadata"]["name"] == "ner-all-minilm"
    model = service["spec"]["predictor"]["model"]
    assert (model["modelFormat"], model["protocolVersion"]) == ({"name": "triton"}, "v2")


@contextmanager
def server(repository: Path) -> Iterator[str]:
    """Infers as the protocol has it, with the graph in the repository."""
    session = onnxruntime.InferenceSession(str(repository / NAME / "1" / "model.onnx"))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == f"/v2/models/{NAME}/infer"
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            feeds = {
                tensor["name"]: np.array(tensor["data"], dtype=np.int64).reshape(tensor["shape"])
                for tensor in request["inputs"]
            }
            table = session.run(None, feeds)[0]
            name = session.get_outputs()[0].name
            output = {"name": name, "shape": table.shape, "datatype": "FP32", "data": table.ravel().tolist()}
            body = json.dumps({"model_name": NAME, "outputs": [output]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}"
        finally:
            listening.shutdown()
            thread.join()


@pytest.mark.parametrize("int8", [False, True])
def test_client_gives_the_answers_of_the_network(tmp_path: Path, int8: bool) -> None:
    network = encoder(tmp_path / "checkpoint", "tags")
    if int8:
        save_onnx(network, tmp_path / "saved", int8=True)
        network = restored(tmp_path / "saved")
    folder = exported(network, tmp_path / "out")
    words = CASES["tags"].part.texts[0]
    code = "import sys; sys.modules['goldilocks'] = sys.modules['onnxruntime'] = None; import runpy; "
    script = str(folder / "client" / "client.py")

    with server(folder / "models") as url:
        code += f"sys.argv = {['', url, *words]!r}; runpy.run_path({script!r}, run_name='__main__')"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert tuple(json.loads(done.stdout)["tags"]) == network.predict([words]).values[0]
