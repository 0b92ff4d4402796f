"""Families without published checkpoints: their models start from nothing."""

from __future__ import annotations

from pathlib import Path

from goldilocks.records import ModelInfo, TrainingConfig, Workload


def info(family: str, name: str, architecture: str, *, parameters: int, size_bytes: int) -> ModelInfo:
    """A model for any language that is not trained by gradient descent; see ``ModelInfo``."""
    return ModelInfo(
        name=name,
        family=family,
        source="builtin",
        architecture=architecture,
        pretraining="none",
        languages=("*",),
        licence="none-needed",
        parameters=parameters,
        size_bytes=size_bytes,
    )


def no_checkpoint(folder: Path, source: str) -> ModelInfo | None:  # noqa: ARG001
    """``Family.describe``: no folder holds a checkpoint of this kind."""
    return None


def no_training_config(info: ModelInfo, work: Workload) -> TrainingConfig | None:  # noqa: ARG001
    """``Family.training_config``: not trained by gradient descent."""
    return None
