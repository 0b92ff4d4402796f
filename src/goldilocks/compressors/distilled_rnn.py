"""Distillation into a bidirectional LSTM over the words of the texts."""

from __future__ import annotations

from pathlib import Path

from goldilocks import plugins
from goldilocks.compressors._shared.word_student import distil_into
from goldilocks.protocols import Calibration, Model

KIND = "distil"
ENGINE = "native"
FAMILY = "recurrent"
_MODEL = "bilstm"
LEVELS = (1.0,)
FEWEST_TEXTS = 1_000
SOURCE = (
    "Tang et al. 2019, Distilling Task-Specific Knowledge from BERT into Simple Neural Networks (BiLSTM, soft targets)."
)


def incompatibility(model: Model) -> str | None:
    """See ``protocols.Compressor``."""
    if not hasattr(model, "module"):
        return "it is not a neural network"
    from goldilocks.nets.objectives.distillation import not_distillable

    return not_distillable(model, FAMILY, plugins.load("families", FAMILY).OUTPUTS)


def compress(model: Model, level: float, folder: Path, calibration: Calibration) -> None:  # noqa: ARG001
    """See ``protocols.Compressor``."""
    info = next(info for info in plugins.load("families", FAMILY).models() if info.name == _MODEL)
    distil_into(info, model, folder, calibration)
