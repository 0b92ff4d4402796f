"""Distillation into another pretrained encoder: a smaller one that is on this machine, trained on the model's answers.

Unlike a shallower copy the student has a vocabulary, width and pretraining of its own, so that a multilingual or large
encoder can become a small one of the language of the texts. Tokens and widths differ, so it learns logits only (of
tags, spans and scores the answers).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from goldilocks import plugins
from goldilocks.protocols import Calibration, Model, PretrainedModel

KIND = "distil"
ENGINE = "native"
FAMILY = "encoder"
LEVELS = (1.0,)
FEWEST_TEXTS = 200
SOURCE = (
    "Turc et al. 2019, Well-Read Students Learn Better (a small pretrained student, soft targets on unlabelled texts)."
)
_STEPS, _HEAD_RATE = 1_500, 1e-3
_MAX_SHARE = 0.75
"""A student has at most this share of the weights and of the operations for a token."""
_SHAPE_TEXTS = 200
"""Texts that show whether entities are marked, or texts come in pairs."""


def incompatibility(model: Model) -> str | None:
    """See ``protocols.Compressor``."""
    if not hasattr(model, "module"):
        return "it is not a neural network"
    from goldilocks.nets.objectives.distillation import not_distillable

    return not_distillable(model, FAMILY, plugins.load("families", FAMILY).OUTPUTS)


def students(model: Model, pretrained: Sequence[PretrainedModel]) -> Sequence[PretrainedModel]:
    """The largest of the smaller encoders, and the smallest. See ``protocols.ChoosesStudents``."""
    from goldilocks.nets.network import Network

    assert isinstance(model, Network)
    weights = sum(weight.numel() for weight in model.module.parameters())
    work = model.backbone.depth * model.backbone.width**2
    smaller = [
        student
        for student in pretrained
        if student.info.family == FAMILY
        and student.info.parameters <= _MAX_SHARE * weights
        and student.info.depth * student.info.width**2 <= _MAX_SHARE * work
    ]
    smaller.sort(key=lambda student: (-student.info.parameters, student.info.name))
    return [*smaller[:1], *smaller[1:][-1:]]


def compress(model: Model, level: float, folder: Path, calibration: Calibration) -> None:  # noqa: ARG001
    """See ``protocols.Compressor``."""
    from dataclasses import replace

    from goldilocks.nets.network import Network
    from goldilocks.nets.objectives.distillation import distillation_config, rows_for

    assert isinstance(model, Network)
    (chosen,) = calibration.pretrained
    texts = calibration.texts
    student = plugins.load("families", FAMILY).create(
        chosen.info, chosen.folder(), rows_for(model, texts[:_SHAPE_TEXTS]), model.config.goal, seed=0
    )
    assert isinstance(student, Network)
    config = distillation_config(student, len(texts), steps=_STEPS)
    calibration.distil(student, model, texts, replace(config, head_learning_rate=_HEAD_RATE))
    student.save(folder)
