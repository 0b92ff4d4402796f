"""Training from scratch: for models without pretraining, and for one-shot estimators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from goldilocks.records import ModelInfo, TrainingConfig

if TYPE_CHECKING:
    from goldilocks.nets.network import Network


@dataclass(frozen=True, slots=True)
class Options:
    """Nothing to choose."""


def incompatibility(info: ModelInfo) -> str | None:
    """See ``protocols.Method``."""
    return "is pretrained; use `head_only`, `full` or another fine-tuning method" if info.pretrained else None


def effort(info: ModelInfo) -> float:  # noqa: ARG001
    """Every weight is trained: the reference."""
    return 1.0


def prepare(network: Network, options: Options) -> None:  # noqa: ARG001
    """Make every weight trainable."""
    network.module.requires_grad_(True)


def fold(network: Network) -> None:
    """Nothing was added."""


def training_config(config: TrainingConfig) -> TrainingConfig:
    """The family's own."""
    return config
