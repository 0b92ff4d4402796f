"""OpenVINO's form (model.xml, model.bin) with the tokenizer and a script that needs numpy, openvino and tokenizers."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from goldilocks import plugins
from goldilocks.protocols import Model
from goldilocks.records import Exported, ExportSettings


def unavailable() -> str | None:
    """See ``protocols.Exporter``."""
    if importlib.util.find_spec("openvino") is None or importlib.util.find_spec("onnx") is None:
        return "the packages openvino and onnx are needed: pip install 'goldilocks-lm[onnx,openvino]'"
    return None


def incompatibility(model: Model) -> str | None:
    """As for ``onnx``, whose graph is converted. See ``protocols.Exporter``."""
    return plugins.load("exporters", "onnx").incompatibility(model)


def export(model: Model, settings: ExportSettings, folder: Path) -> Exported:
    """See ``protocols.Exporter``."""
    from goldilocks.nets.backbones.graph_sessions import import_openvino
    from goldilocks.nets.export.onnx_graph import GRAPH, save_model
    from goldilocks.nets.export.script_usage import script_usage
    from goldilocks.nets.network import Network

    assert isinstance(model, Network)
    save_model(model, folder, rule=settings.rule, normalisation=settings.normalisation)
    openvino = import_openvino()
    graph = openvino.Core().read_model(str(folder / GRAPH))
    openvino.save_model(graph, str(folder / "model.xml"), compress_to_fp16=False)
    (folder / GRAPH).unlink()
    return script_usage(model, "openvino")
