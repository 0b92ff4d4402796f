"""Width pruning of BERT-shaped encoders: fewer attention heads and narrower MLPs, block by block as they matter.

A head or neuron matters by the Fisher information of its mask on calibration texts. The matrices become smaller, not
sparse; then the network is tuned on the answers of the one it came from.
"""

from __future__ import annotations

from pathlib import Path

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


def incompatibility(model: Model) -> str | None:
    """See ``protocols.Compressor``."""
    if not hasattr(model, "module"):
        return "it is not a neural network"
    from goldilocks.nets.compression.pruning import not_prunable

    return not_prunable(model)


def compress(model: Model, level: float, folder: Path, calibration: Calibration) -> None:
    """See ``protocols.Compressor``."""
    from goldilocks.nets.compression.pruning import kept_places, narrowed
    from goldilocks.nets.network import Network
    from goldilocks.nets.objectives.distillation import distillation_config

    assert isinstance(model, Network)
    texts = calibration.texts
    student = narrowed(model, *kept_places(model, texts[:_RANKED], level))
    calibration.distil(student, model, texts, distillation_config(student, len(texts), steps=_STEPS))
    student.save(folder)
