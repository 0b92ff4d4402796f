"""Distillation into a TextCNN over the words of the texts: some hundred times fewer operations than an encoder's."""

from __future__ import annotations

from pathlib import Path

from goldilocks import plugins
from goldilocks.protocols import Calibration, Model

KIND = "distil"
ENGINE = "native"
FAMILY = "cnn"
LEVELS = (1.0,)
FEWEST_TEXTS = 1_000
SOURCE = "Kim 2014 (TextCNN) as the student; soft targets as in Tang et al. 2019, Distilling Task-Specific Knowledge."
_STEPS, _RATE = 3_000, 3e-3


def incompatibility(model: Model) -> str | None:
    """See ``protocols.Compressor``."""
    if not hasattr(model, "module"):
        return "it is no neural network"
    from goldilocks.nets.distillation import not_distillable

    return not_distillable(model, FAMILY, plugins.load("families", FAMILY).OUTPUTS)


def compress(model: Model, level: float, folder: Path, calibration: Calibration) -> None:  # noqa: ARG001
    """See ``protocols.Compressor``."""
    from dataclasses import replace

    from goldilocks.nets.distillation import distillation_config, rows_for
    from goldilocks.nets.network import Network

    assert isinstance(model, Network)
    texts, family = calibration.texts, plugins.load("families", FAMILY)
    student = family.create(family.models()[0], None, rows_for(model, texts), model.config.goal, seed=0)
    assert isinstance(student, Network)
    config = distillation_config(student, len(texts), steps=_STEPS, rate=_RATE)
    calibration.distil(student, model, texts, replace(config, dropout=0.3))
    student.save(folder)
