"""A model repository for Triton and KServe (ONNX graph, config.pbtxt), an InferenceService and a tokenizing client."""

from __future__ import annotations

from pathlib import Path

from goldilocks import plugins
from goldilocks.protocols import Model
from goldilocks.records import Exported, ExportSettings

_USAGE = """\
## How to use

```sh
tritonserver --model-repository models
python client/client.py http://127.0.0.1:8000 ARGUMENTS
```

The server gets token ids and gives WHAT as numbers; `client/` tokenizes and turns them into answers (numpy and
tokenizers only). For KServe, copy `models` to the storage that `inference_service.yaml` names, then
`kubectl apply -f inference_service.yaml`."""


def unavailable() -> str | None:
    """As for ``onnx``. See ``protocols.Exporter``."""
    return plugins.load("exporters", "onnx").unavailable()


def incompatibility(model: Model) -> str | None:
    """As for ``onnx``. See ``protocols.Exporter``."""
    return plugins.load("exporters", "onnx").incompatibility(model)


def export(model: Model, settings: ExportSettings, folder: Path) -> Exported:
    """See ``protocols.Exporter``."""
    from goldilocks.nets.export.model_repository import save_repository
    from goldilocks.nets.export.script_usage import arguments_of, graph_notes
    from goldilocks.nets.network import Network

    assert isinstance(model, Network)
    form = save_repository(model, folder, settings)
    usage = _USAGE.replace("ARGUMENTS", arguments_of(model)).replace("WHAT", form.output) + graph_notes(model)
    return Exported("tritonserver", usage, "")
