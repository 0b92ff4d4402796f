"""Distillation into a static embedding: one vector per token, a text is their mean; hundreds of times faster.

A token's vector starts as what the original makes of it alone, reduced to 256 dimensions by principal components; then
table and head learn the original's answers. Word order is lost, so it suits topics and intents better than negation.
"""

from __future__ import annotations

from pathlib import Path

from goldilocks.protocols import Calibration, Model
from goldilocks.records import Output

KIND = "distil"
ENGINE = "native"
FAMILY = "static_embedding"
LEVELS = (1.0,)
FEWEST_TEXTS = 1_000
SOURCE = "van Dongen & Tulkens 2024, Model2Vec (token vectors and PCA); then trained on the original's soft targets."
_STEPS, _RATE, _WIDTH = 3_000, 3e-3, 256


def incompatibility(model: Model) -> str | None:
    """See ``protocols.Compressor``."""
    if not hasattr(model, "module"):
        return "it is not a neural network"
    from goldilocks.nets.compression.static_student import no_token_vectors
    from goldilocks.nets.objectives.distillation import not_distillable

    return not_distillable(model, FAMILY, (Output.LABEL,)) or no_token_vectors(model)


def compress(model: Model, level: float, folder: Path, calibration: Calibration) -> None:  # noqa: ARG001
    """See ``protocols.Compressor``."""
    from goldilocks.nets.compression.static_student import static_student
    from goldilocks.nets.network import Network
    from goldilocks.nets.objectives.distillation import distillation_config

    assert isinstance(model, Network)
    student = static_student(model, calibration.texts, kind=FAMILY, width=_WIDTH)
    config = distillation_config(student, len(calibration.texts), steps=_STEPS, rate=_RATE)
    calibration.distil(student, model, calibration.texts, config)
    student.save(folder)
