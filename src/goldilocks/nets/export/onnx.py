"""Export of any model to ONNX, or why it has no export. Imports torch only for networks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from goldilocks.protocols import Model
from goldilocks.records import Text


def not_exportable(model: Model) -> str | None:
    """Why the model cannot be exported to ONNX; ``None`` if it can."""
    if not hasattr(model, "module"):
        return "it is not a neural network"
    from goldilocks.nets.export import onnx_folder
    from goldilocks.nets.network import Network

    return onnx_folder.not_exportable(model) if isinstance(model, Network) else "its network was built elsewhere"


def export(model: Model, folder: Path, *, int8: bool) -> None:
    """Write the network to ``folder``, its backbone as an ONNX graph with float32 or int8 weights."""
    from goldilocks.nets.export.onnx_folder import save_onnx
    from goldilocks.nets.network import Network

    assert isinstance(model, Network)
    save_onnx(model, folder, int8=int8)


def export_static(model: Model, folder: Path, texts: Sequence[Text]) -> None:
    """As ``export`` with int8 weights; activations are int8, too, in ranges that the texts show (one at least)."""
    from goldilocks.nets.export.onnx_static import save_static_onnx
    from goldilocks.nets.network import Network

    assert isinstance(model, Network)
    save_static_onnx(model, folder, texts)
