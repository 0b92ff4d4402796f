"""4-bit weights of Llama-style decoders: a scale and a zero point for each 32 of them, tables in 8 bits.

The file shrinks to about a third of bfloat16 where the blocks hold most of the weights; in memory these are held twice,
as stored and in the kernel's layout. Generation is bound by memory and becomes faster; prompts do not, since there the
matrices are dequantised and multiplied as usual. Activations have the checkpoint's precision; in float32, which torch's
kernels are slow in, all products are with dequantised matrices.
"""

from __future__ import annotations

from pathlib import Path

from goldilocks.protocols import Calibration, Model

KIND = "quantise"
ENGINE = "native"
LEVELS = (1.0,)
SOURCE = (
    "Q4_1 of GGUF (llama.cpp): groups of 32 with scale and minimum; here the range is searched as well; "
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
    quantise(model, 4)
    model.save(folder)
