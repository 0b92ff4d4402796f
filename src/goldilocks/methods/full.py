"""Every weight of a pretrained model learns: the dearest method and, with enough rows, the best."""

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
    if not set(facts.groups) - {"prompt"}:
        return "is fitted in one go, it has no weights to tune; scratch fits it"
    return None if facts.pretrained else "starts from nothing; scratch is the same with a name that says so"


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
