"""Half-precision weights: 16 bits each, computed with in float32 as before. About half the file, nearly no loss.

IEEE half precision keeps 11 significant bits where bfloat16 keeps 8; its range ends at 65,504, which weights do not
reach. Networks round each weight and store it in 16 bits (in memory they are float32 again); n-gram models keep the 16
bits in memory too.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from goldilocks.classical.ngram_linear import NgramLinear
from goldilocks.protocols import Calibration, Model

KIND = "quantise"
ENGINE = "native"
LEVELS = (1.0,)
SOURCE = "IEEE 754-2019, binary16; rounding to nearest, no scaling."
_LARGEST = 65_504.0


def incompatibility(model: Model) -> str | None:
    """See ``protocols.Compressor``."""
    if isinstance(model, NgramLinear):
        weights = model.solution.weights
        if weights.dtype != np.float32:
            return f"its weights are {weights.dtype} already"
        return _too_large(float(np.abs(weights).max(initial=0.0)))
    if not hasattr(model, "module"):
        return "it has no weights of 32 bits"
    import torch

    wide = [weight for weight in model.module.parameters() if weight.dtype == torch.float32]
    if not wide:
        return "its weights have 16 bits already"
    return _too_large(max(float(weight.detach().abs().max()) for weight in wide if weight.numel()))


def _too_large(largest: float) -> str | None:
    return f"a weight is {largest:g}, beyond the range of half precision" if largest > _LARGEST else None


def compress(model: Model, level: float, folder: Path, calibration: Calibration) -> None:  # noqa: ARG001
    """See ``protocols.Compressor``."""
    if isinstance(model, NgramLinear):
        model.solution = replace(model.solution, weights=model.solution.weights.astype(np.float16))
        model.save(folder)
        return
    import torch

    module: torch.nn.Module = model.module  # type: ignore[attr-defined]
    with torch.no_grad():
        for weight in module.parameters():
            if weight.dtype == torch.float32:
                weight.copy_(weight.half().float())  # stored in 16 bits where that is lossless, as it is now
    model.save(folder)
