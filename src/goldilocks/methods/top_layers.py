"""Fine-tuning of the topmost blocks and the head; the output of the frozen blocks below is computed once and cached."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from goldilocks.methods._shared.fine_tuning import not_freezable
from goldilocks.records import ModelInfo, TrainingConfig

if TYPE_CHECKING:
    from goldilocks.nets.network import Network


@dataclass(frozen=True, slots=True)
class Options:
    """How many blocks are trained."""

    layers: int = 0
    """Trained blocks, counted from the top; 0: a third of them, at least one."""


def incompatibility(info: ModelInfo) -> str | None:
    """See ``protocols.Method``."""
    return not_freezable(info) or (None if info.depth >= 2 else f"has {info.depth} stacked layers; needs at least 2")


def effort(info: ModelInfo) -> float:
    """Forward below (once) and both ways above."""
    top = _count(info.depth, 0) / max(1, info.depth)
    return top + (1 - top) / 9  # a third of a step's work, in one of about three epochs


def prepare(network: Network, options: Options) -> None:
    """Freeze everything below the topmost blocks."""
    depth = network.backbone.depth
    lowest = depth - _count(depth, options.layers)
    for name, weight in network.module.named_parameters():
        weight.requires_grad_(network.block_of(name) >= lowest)


def fold(network: Network) -> None:
    """Nothing was added."""


def training_config(config: TrainingConfig) -> TrainingConfig:
    """Fewer trained weights tolerate a higher rate."""
    return replace(config, learning_rate=2 * config.learning_rate, layer_ratio=1.0)


def _count(depth: int, layers: int) -> int:
    return min(depth, layers or max(1, round(depth / 3)))
