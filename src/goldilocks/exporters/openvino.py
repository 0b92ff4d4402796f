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
    """As for ``onnx``, whose graph is converted; int8 that was judged on another engine. See ``protocols.Exporter``."""
    reason: str | None = plugins.load("exporters", "onnx").incompatibility(model)
    if reason is not None:
        return reason
    from goldilocks.nets.backbones.graph_sessions import OpenVinoSession
    from goldilocks.nets.backbones.onnx_backbone import OnnxBackbone
    from goldilocks.nets.network import Network

    assert isinstance(model, Network)
    backbone = model.backbone
    if isinstance(backbone, OnnxBackbone) and backbone.is_quantised and not backbone.runs_on(OpenVinoSession):
        return (
            "its int8 graph was judged on ONNX Runtime, and OpenVINO rounds it to other probabilities; use --to onnx "
            "or kserve, or compress with onnx_float32"
        )
    return None


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
