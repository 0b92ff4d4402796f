"""One ONNX graph with its tokenizer and a script that needs numpy, onnxruntime and tokenizers only."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from goldilocks.protocols import Model
from goldilocks.records import Exported, ExportSettings


def unavailable() -> str | None:
    """See ``protocols.Exporter``."""
    if importlib.util.find_spec("onnx") is None:
        return "the package onnx, which writes graphs, is not installed: pip install 'goldilocks-lm[onnx]'"
    return None


def incompatibility(model: Model) -> str | None:
    """See ``protocols.Exporter``."""
    if not hasattr(model, "module"):
        return "it is not a neural network and has no ONNX form"
    from goldilocks.nets.export.onnx_graph import not_exportable
    from goldilocks.nets.network import Network

    return not_exportable(model) if isinstance(model, Network) else "its network was built elsewhere"


def export(model: Model, settings: ExportSettings, folder: Path) -> Exported:
    """See ``protocols.Exporter``."""
    from goldilocks.nets.export.onnx_graph import save_model
    from goldilocks.nets.export.script_usage import script_usage
    from goldilocks.nets.network import Network

    assert isinstance(model, Network)
    save_model(model, folder, rule=settings.rule, normalisation=settings.normalisation)
    return script_usage(model, "onnxruntime")
