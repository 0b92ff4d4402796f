"""Width pruning of BERT-shaped encoders: fewer attention heads and narrower MLPs, block by block as they matter.

A head or neuron matters by the Fisher information of its mask on calibration texts. The matrices become smaller, not
sparse; then the network is tuned on the answers of the one it came from.
"""

from __future__ import annotations

from pathlib import Path

from goldilocks.compressors._shared.smaller_encoder import not_prunable, recover
from goldilocks.protocols import Calibration, Model

KIND = "prune"
ENGINE = "native"
LEVELS = (0.6, 0.4)
FEWEST_TEXTS = 64
SOURCE = (
    "Michel et al. 2019, Are Sixteen Heads Really Better than One?; importance as in Kwon et al. 2022, A Fast "
    "Post-Training Pruning Framework for Transformers, with answers drawn from the model in place of labels."
)
_RANKED, _STEPS = 1_000, 300
"""Calibration texts that importance is measured on, and batches of the recovery tuning."""


incompatibility = not_prunable


def compress(model: Model, level: float, folder: Path, calibration: Calibration) -> None:
    """See ``protocols.Compressor``."""
    from goldilocks.nets.compression.pruning import kept_places, narrowed
    from goldilocks.nets.network import Network

    assert isinstance(model, Network)
    student = narrowed(model, *kept_places(model, calibration.texts[:_RANKED], level))
    recover(student, model, calibration, folder, steps=_STEPS)
