"""The topmost blocks and the head learn; what lies below is frozen, runs once per text and is kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from goldilocks.records import ModelInfo, TrainingConfig

if TYPE_CHECKING:
    from goldilocks.nets.network import Network


@dataclass(frozen=True, slots=True)
class Options:
    """How much learns."""

    layers: int = 0
    """Blocks from the top that learn; 0: a third of them, at least one."""


def misfit(facts: ModelInfo) -> str | None:
    """See ``protocols.Method``."""
    if not set(facts.groups) - {"prompt"}:
        return "is fitted in one go, it has no weights to tune; scratch fits it"
    if not facts.pretrained:
        return "starts from nothing, so whatever does not learn stays random; scratch trains all of it"
    return None if facts.depth >= 2 else f"has {facts.depth} stacked layers, so there is no part of them to freeze"


def effort(facts: ModelInfo) -> float:
    """Forward below (once) and both ways above."""
    top = _count(facts.depth, 0) / max(1, facts.depth)
    return top + (1 - top) / 9  # a third of a step's work, in one of about three epochs


def prepare(network: Network, options: Options) -> None:
    """Freeze everything below the topmost blocks."""
    depth = network.backbone.depth
    lowest = depth - _count(depth, options.layers)
    for name, weight in network.module.named_parameters():
        weight.requires_grad_(network.block_of(name) >= lowest)


def fold(network: Network) -> None:
    """Nothing was added."""


def recipe(recipe: TrainingConfig) -> TrainingConfig:
    """Fewer weights stand a higher rate."""
    return replace(recipe, learning_rate=2 * recipe.learning_rate, layer_ratio=1.0)


def _count(depth: int, layers: int) -> int:
    return min(depth, layers or max(1, round(depth / 3)))
