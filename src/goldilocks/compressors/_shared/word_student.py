"""Distillation into a network over the words of the texts that starts from random weights (TextCNN, BiLSTM)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from goldilocks import plugins
from goldilocks.protocols import Calibration, Model
from goldilocks.records import ModelInfo

_STEPS, _RATE, _DROPOUT = 3_000, 3e-3, 0.3


def distil_into(info: ModelInfo, model: Model, folder: Path, calibration: Calibration) -> None:
    """Train a student on the answers of a network and write it.

    Args:
        info: The student, by the name of its family.
        model: The teacher, a ``Network``.
        folder: Where to write the student.
        calibration: Its texts are trained on.
    """
    from goldilocks.nets.network import Network
    from goldilocks.nets.objectives.distillation import distillation_config, rows_for

    assert isinstance(model, Network)
    texts, family = calibration.texts, plugins.load("families", info.family)
    student = family.create(info, None, rows_for(model, texts), model.config.goal, seed=0)
    assert isinstance(student, Network)
    config = distillation_config(student, len(texts), steps=_STEPS, rate=_RATE)
    calibration.distil(student, model, texts, replace(config, dropout=_DROPOUT))
    student.save(folder)
