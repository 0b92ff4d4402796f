"""Export of a bundle to a format that runs without this package."""

from __future__ import annotations

from pathlib import Path

from goldilocks.bundle.read import load
from goldilocks.errors import InputError, MissingError

TARGETS = ("onnx",)


def export_bundle(bundle: Path, target: str, out: Path) -> Path:
    """Write a bundle's model in another format.

    Args:
        bundle: The bundle's folder.
        target: ``onnx``: one graph, tokenizer and a script that needs numpy, onnxruntime and tokenizers only.
        out: A folder that is empty or does not exist.

    Returns:
        ``out``.

    Raises:
        InputError: no such target, ``out`` is not empty, or this kind of model cannot be exported.
        MissingError: the package onnx, which writes graphs, is not installed.
    """
    import importlib.util

    if target not in TARGETS:
        raise InputError(f"--to is {target!r}; it can be {', '.join(TARGETS)}.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: is not an empty folder; choose another --out.")
    if importlib.util.find_spec("onnx") is None:
        raise MissingError(
            "writing ONNX needs the package onnx, which is not installed: pip install 'goldilocks-lm[onnx]'"
        )
    loaded = load(bundle)
    if not hasattr(loaded.model, "module"):
        raise InputError(f"{bundle}: {loaded.info.family} models are no neural networks and have no ONNX form.")
    from goldilocks.nets.export.onnx_classifier import not_exportable, save_classifier
    from goldilocks.nets.network import Network

    model = loaded.model
    reason = not_exportable(model) if isinstance(model, Network) else "its network was built elsewhere"
    if reason is not None:
        raise InputError(f"{bundle}: cannot be exported to ONNX: {reason}.")
    assert isinstance(model, Network)
    out.mkdir(parents=True, exist_ok=True)
    save_classifier(model, out, rule=loaded.info.answer_rule, normalisation=loaded.info.normalisation)
    return out
