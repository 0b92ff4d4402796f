"""Full fine-tuning of all pretrained weights: the most expensive method and, with enough rows, the best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from goldilocks.methods._shared.fine_tuning import not_trainable
from goldilocks.records import ModelInfo, TrainingConfig

if TYPE_CHECKING:
    from goldilocks.nets.network import Network


@dataclass(frozen=True, slots=True)
class Options:
    """Nothing to choose."""


def incompatibility(info: ModelInfo) -> str | None:
    """See ``protocols.Method``."""
    return not_trainable(info) or (None if info.pretrained else "not pretrained; use `scratch`")


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
