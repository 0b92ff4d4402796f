"""Distillation into a TextCNN over the words of the texts: some hundred times fewer operations than an encoder's."""

from __future__ import annotations

from pathlib import Path

from goldilocks import plugins
from goldilocks.compressors._shared.word_student import distil_into
from goldilocks.protocols import Calibration, Model

KIND = "distil"
ENGINE = "native"
FAMILY = "cnn"
LEVELS = (1.0,)
FEWEST_TEXTS = 1_000
SOURCE = "Kim 2014 (TextCNN) as the student; soft targets as in Tang et al. 2019, Distilling Task-Specific Knowledge."


def incompatibility(model: Model) -> str | None:
    """See ``protocols.Compressor``."""
    if not hasattr(model, "module"):
        return "it is not a neural network"
    from goldilocks.nets.objectives.distillation import not_distillable

    return not_distillable(model, FAMILY, plugins.load("families", FAMILY).OUTPUTS)


def compress(model: Model, level: float, folder: Path, calibration: Calibration) -> None:  # noqa: ARG001
    """See ``protocols.Compressor``."""
    distil_into(plugins.load("families", FAMILY).models()[0], model, folder, calibration)
