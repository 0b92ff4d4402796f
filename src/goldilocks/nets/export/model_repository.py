"""A model repository in Triton's layout, which KServe serves too, and a client.

models/NAME/config.pbtxt      inputs, output, batching
models/NAME/1/model.onnx
client/client.py              tokenizes, asks the server, makes answers; with model.json, tokenizer.json, predict.py
inference_service.yaml        for ``kubectl apply``; the storage's address is to be filled in

Sources: Triton Inference Server, model_config.proto; Open Inference Protocol (KServe v2); KServe, InferenceService
v1beta1.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from goldilocks.nets.export.onnx_form import Axes, GraphSignature
from goldilocks.nets.export.onnx_graph import GRAPH, save_model
from goldilocks.nets.network import Network
from goldilocks.records import ExportSettings

MAX_ROWS = 32
"""Rows of a batch."""
_CONFIG = """\
name: "{name}"
backend: "onnxruntime"
max_batch_size: {rows}
input [
{inputs}
]
output [
{output}
]
instance_group [ {{ kind: KIND_CPU }} ]
{batching}"""
_BATCHING = "dynamic_batching { }\n"
_TENSOR = '  {{ name: "{name}", data_type: {kind}, dims: [ {dims} ] }}'
_SERVICE = """\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: {name}
spec:
  predictor:
    model:
      modelFormat: {{name: triton}}
      protocolVersion: v2
      runtime: kserve-tritonserver
      storageUri: s3://BUCKET/models # the folder models/ of this export; put the address of your storage here
      resources:
        requests: {{cpu: "1", memory: {memory}Mi}}
        limits: {{cpu: "2", memory: {double}Mi}}
"""
_SERVER_MIB = 512
"""Memory of the server without a model."""


def save_repository(model: Network, folder: Path, settings: ExportSettings) -> GraphSignature:
    """Write a network for which ``onnx_graph.not_exportable`` returns ``None``, as the module describes."""
    client, versioned = folder / "client", folder / "models" / settings.name / "1"
    client.mkdir()
    versioned.mkdir(parents=True)
    form = save_model(model, client, rule=settings.rule, normalisation=settings.normalisation)
    (client / GRAPH).rename(versioned / GRAPH)
    shutil.copy(Path(__file__).with_name("standalone_client.py"), client / "client.py")
    path = client / "model.json"
    config = json.loads(path.read_text(encoding="utf-8")) | {"name": settings.name, "inputs": list(form.inputs)}
    path.write_text(json.dumps(config, ensure_ascii=False, indent=2), encoding="utf-8")
    (versioned.parent / "config.pbtxt").write_text(config_text(settings.name, form), encoding="utf-8")
    memory = _SERVER_MIB + 2 * (versioned / GRAPH).stat().st_size // 2**20
    service = _SERVICE.format(name=service_name(settings.name), memory=memory, double=2 * memory)
    (folder / "inference_service.yaml").write_text(service, encoding="utf-8")
    return form


def config_text(name: str, form: GraphSignature) -> str:
    """``config.pbtxt``: the first axis of each tensor is the batch, which the text leaves out.

    A graph that takes one row at a time has no batch: the text has all axes, and the server refuses several rows.
    """
    first = 1 if form.batches else 0
    inputs = ",\n".join(_tensor(each, "TYPE_INT64", axes[first:]) for each, axes in form.inputs.items())
    return _CONFIG.format(
        name=name,
        rows=MAX_ROWS if form.batches else 0,
        inputs=inputs,
        output=_tensor(form.output, "TYPE_FP32", form.axes[first:]),
        batching=_BATCHING if form.batches else "",
    )


def _tensor(name: str, kind: str, axes: Axes) -> str:
    dims = ", ".join("-1" if isinstance(size, str) else str(size) for size in axes)
    return _TENSOR.format(name=name, kind=kind, dims=dims)


def service_name(name: str) -> str:
    """The name as Kubernetes allows it: small letters, digits and ``-``, at most 63 characters, a letter first.

    Example:
        >>> service_name("text_classification-all-MiniLM-L6-v2")
        'text-classification-all-minilm-l6-v2'
    """
    allowed = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:55].strip("-")
    return allowed if allowed[:1].isalpha() else f"model-{allowed}".strip("-")
