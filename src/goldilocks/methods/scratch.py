"""Every weight learns, from nothing: for models that start without knowledge, and for those fitted in one go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from goldilocks.records import ModelInfo, TrainingConfig

if TYPE_CHECKING:
    from goldilocks.nets.network import Network


@dataclass(frozen=True, slots=True)
class Options:
    """Nothing to choose."""


def misfit(facts: ModelInfo) -> str | None:
    """See ``protocols.Method``."""
    return "starts from pretrained weights; head_only, full and others adapt those" if facts.pretrained else None


def effort(facts: ModelInfo) -> float:  # noqa: ARG001
    """Every weight learns: the whole."""
    return 1.0


def prepare(network: Network, options: Options) -> None:  # noqa: ARG001
    """Let every weight learn."""
    network.module.requires_grad_(True)


def fold(network: Network) -> None:
    """Nothing was added."""


def recipe(recipe: TrainingConfig) -> TrainingConfig:
    """The family's own."""
    return recipe
