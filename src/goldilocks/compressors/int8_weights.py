"""8-bit weights of Llama-style decoders: a scale for each output channel.

The file and the memory shrink to about half of bfloat16. Generation is bound by memory and becomes faster; prompts do
not, since there the matrices are dequantised and multiplied as usual. Activations have the checkpoint's precision; in
float32, which torch's kernels are slow in, all products are with dequantised matrices.
"""

from __future__ import annotations

from pathlib import Path

from goldilocks.protocols import Calibration, Model

KIND = "quantise"
ENGINE = "native"
LEVELS = (1.0,)
SOURCE = (
    "Dettmers et al. 2022, LLM.int8(), section 2.1 (absmax, a scale for each row), for weights only; "
    "products by torch's weight-only kernels."
)


def incompatibility(model: Model) -> str | None:
    """See ``protocols.Compressor``."""
    if not hasattr(model, "module"):
        return "it is not a decoder"
    from goldilocks.nets.quantised_decoder import not_quantisable

    return not_quantisable(model)


def compress(model: Model, level: float, folder: Path, calibration: Calibration) -> None:  # noqa: ARG001
    """See ``protocols.Compressor``."""
    from goldilocks.nets.network import Network
    from goldilocks.nets.quantised_decoder import quantise

    assert isinstance(model, Network)
    quantise(model, 8)
    model.save(folder)
