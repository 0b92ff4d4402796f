"""Weights of Llama-style decoders in 8 or 4 bits."""

from __future__ import annotations

from pathlib import Path

from goldilocks.protocols import Calibration, Model


def incompatibility(model: Model) -> str | None:
    """See ``protocols.Compressor``."""
    if not hasattr(model, "module"):
        return "it is not a decoder"
    from goldilocks.nets.quantised_decoder import not_quantisable

    return not_quantisable(model)


def compress(model: Model, level: float, folder: Path, calibration: Calibration, *, bits: int) -> None:  # noqa: ARG001
    """See ``protocols.Compressor``; ``bits``: 8 or 4."""
    from goldilocks.nets.network import Network
    from goldilocks.nets.quantised_decoder import quantise

    assert isinstance(model, Network)
    quantise(model, bits)
    model.save(folder)
