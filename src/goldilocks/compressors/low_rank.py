"""Low-rank factorisation of BERT-shaped encoders: each matrix of the blocks becomes the product of two thin ones.

The product is the best of its rank for the activations of the calibration texts; then the network is tuned on the
answers of the one it came from.
"""

from __future__ import annotations

from pathlib import Path

from goldilocks.compressors._shared.smaller_encoder import not_prunable, recover
from goldilocks.protocols import Calibration, Model

KIND = "prune"
ENGINE = "native"
LEVELS = (0.6, 0.4)
FEWEST_TEXTS = 64
SOURCE = "Wang et al. 2024, SVD-LLM (SVD weighted by the activations), with recovery by distillation."
_MEASURED, _STEPS = 500, 300
"""Calibration texts whose activations are measured, and batches of the recovery tuning."""


incompatibility = not_prunable


def compress(model: Model, level: float, folder: Path, calibration: Calibration) -> None:
    """See ``protocols.Compressor``."""
    from goldilocks.nets.compression.pruning import factorised, second_moments
    from goldilocks.nets.network import Network

    assert isinstance(model, Network)
    student = factorised(model, second_moments(model, calibration.texts[:_MEASURED]), level)
    recover(student, model, calibration, folder, steps=_STEPS)
