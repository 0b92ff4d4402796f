"""How each side of ``serving_load.py`` is started: our service, and the same model behind other servers.

Not a benchmark itself. Every app is what the server's own documentation shows, with its batching switched on where it
has any. The folder with the model and the port come in the environment (``SIDE_FOLDER``, ``SIDE_PORT``).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ONNX = """
import json, os
from pathlib import Path
import numpy as np
import onnxruntime
from tokenizers import Tokenizer

FOLDER, PORT = Path(os.environ["SIDE_FOLDER"]), int(os.environ["SIDE_PORT"])

class Model:
    def __init__(self):
        config = json.loads((FOLDER / "model.json").read_text())
        self.labels = config["labels"]
        self.tokenizer = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
        self.tokenizer.enable_padding(pad_id=config["pad_id"])
        self.tokenizer.enable_truncation(config["max_tokens"])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(FOLDER / "model.onnx"), options)
        self.names = [tensor.name for tensor in self.session.get_inputs()]

    def run(self, texts):
        rows = self.tokenizer.encode_batch(list(texts))
        tables = {
            "ids": [row.ids for row in rows],
            "mask": [row.attention_mask for row in rows],
            "types": [row.type_ids for row in rows],
        }
        found = self.session.run(None, {name: np.array(tables[name], dtype=np.int64) for name in self.names})[0]
        return [{"label": self.labels[int(row.argmax())], "probs": row.tolist()} for row in found]
"""
_FASTAPI = """
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

class Body(BaseModel):
    input: str

app = FastAPI()
"""
PIPELINE = (
    "import os"
    + _FASTAPI
    + """
from transformers import pipeline

classify = pipeline("text-classification", model=os.environ["SIDE_FOLDER"], top_k=None)

@app.post("/v1/classify")
def answer(body: Body):
    return classify([body.input])[0]

uvicorn.run(app, port=int(os.environ["SIDE_PORT"]), log_level="warning")
"""
)
FASTAPI_ONNX = (
    ONNX
    + _FASTAPI
    + """
model = Model()

@app.post("/v1/classify")
def answer(body: Body):
    return model.run([body.input])[0]

uvicorn.run(app, port=PORT, log_level="warning")
"""
)
LITSERVE = (
    ONNX
    + """
import litserve

class Api(litserve.LitAPI):
    def setup(self, device):
        self.model = Model()

    def decode_request(self, request):
        return request["input"]

    def predict(self, texts):
        return self.model.run(texts)

    def encode_response(self, output):
        return output

if __name__ == "__main__":
    api = Api(max_batch_size=64, batch_timeout=0.001, api_path="/v1/classify")
    server = litserve.LitServer(api, accelerator="cpu", timeout=120)
    server.run(host="127.0.0.1", port=PORT, generate_client_file=False, log_level="warning")
"""
)
BENTOML = (
    ONNX
    + """
import bentoml

@bentoml.service(traffic={"timeout": 120, "max_concurrency": 1000}, workers=1)
class Side:
    def __init__(self):
        self.model = Model()

    @bentoml.api(batchable=True, max_batch_size=64, max_latency_ms=60000, route="/v1/classify")
    def classify(self, inputs: list[str]) -> list[dict]:
        return self.model.run(inputs)
"""
)
RAY = (
    ONNX
    + _FASTAPI
    + """
import time
import ray
from ray import serve

ray.init(include_dashboard=False, log_to_driver=False)
serve.start(http_options={"host": "127.0.0.1", "port": PORT})

@serve.deployment(max_ongoing_requests=256)
@serve.ingress(app)
class Side:
    def __init__(self):
        self.model = Model()

    @serve.batch(max_batch_size=64, batch_wait_timeout_s=0.001)
    async def batch(self, texts):
        return self.model.run(texts)

    @app.post("/v1/classify")
    async def answer(self, body: Body):
        return await self.batch(body.input)

serve.run(Side.bind())
while True:
    time.sleep(60)
"""
)
_QUIET = {
    "GOMP_SPINCOUNT": "0",
    "OMP_NUM_THREADS": "1",
    "BENTOML_DO_NOT_TRACK": "True",
    "RAY_USAGE_STATS_ENABLED": "0",
    "ORT_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
}
"""One thread for one core, asleep while it waits: what ``goldilocks serve`` sets for itself."""


@dataclass(frozen=True, slots=True)
class Side:
    """One server with a model, and how it is asked."""

    name: str
    command: list[str]
    env: Mapping[str, str] = field(default_factory=dict)
    folder: str | None = None
    """Where it is started."""
    body: Callable[[str], dict[str, Any]] = lambda text: {"input": text}


def side(name: str, *, python: str, model: Path, port: int, work: Path) -> Side:
    """A side by name.

    Args:
        name: ``goldilocks``, ``pipeline``, ``fastapi``, ``litserve``, ``bentoml`` or ``ray``.
        python: Interpreter of the environment in which the server is installed.
        model: The bundle (goldilocks), the Hub folder (pipeline) or the folder with ``model.onnx`` (the others).
        port: Where it listens.
        work: Folder for its app.
    """
    env = {**_QUIET, "SIDE_FOLDER": str(model.absolute()), "SIDE_PORT": str(port)}
    if name == "goldilocks":
        return Side(name, [sys.executable, "-m", "goldilocks", "serve", str(model), "--port", str(port)], _QUIET)
    apps = {"pipeline": PIPELINE, "fastapi": FASTAPI_ONNX, "litserve": LITSERVE, "bentoml": BENTOML, "ray": RAY}
    file = work / f"side_{name}.py"
    file.write_text(apps[name], encoding="utf-8")
    if name == "bentoml":
        command = [python, "-m", "bentoml", "serve", f"{file.stem}:Side", "--port", str(port), "--host", "127.0.0.1"]
        return Side(name, command, env, str(work), lambda text: {"inputs": [text]})
    return Side(name, [python, str(file)], env, str(work))
