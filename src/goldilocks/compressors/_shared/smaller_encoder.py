"""BERT-shaped encoders with fewer or smaller blocks, tuned on the answers of the one they came from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from goldilocks.protocols import Calibration, Model

if TYPE_CHECKING:
    from goldilocks.nets.network import Network


def not_shortenable(model: Model) -> str | None:
    """Why no block can be left out of a model, for the user; ``None``: one can."""
    if not hasattr(model, "module"):
        return "it is not a neural network"
    from goldilocks.nets.compression import pruning

    return pruning.not_shortenable(model)


def not_prunable(model: Model) -> str | None:
    """Why the matrices of a model's blocks cannot become smaller, for the user; ``None``: they can."""
    if not hasattr(model, "module"):
        return "it is not a neural network"
    from goldilocks.nets.compression import pruning

    return pruning.not_prunable(model)


def recover(student: Network, model: Network, calibration: Calibration, folder: Path, *, steps: int) -> None:
    """Tune the smaller network on the answers to the calibration texts, ``steps`` batches of them, and write it."""
    from goldilocks.nets.objectives.distillation import distillation_config

    texts = calibration.texts
    calibration.distil(student, model, texts, distillation_config(student, len(texts), steps=steps))
    student.save(folder)
