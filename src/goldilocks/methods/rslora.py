"""Rank-stabilised LoRA: the scale of the adapters is alpha / sqrt(rank), so that high ranks learn as fast as low ones.

Source: Kalajdzievski 2023, "A Rank Stabilization Scaling Factor for Fine-Tuning with LoRA".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from goldilocks.methods._shared import low_rank
from goldilocks.methods._shared.fine_tuning import not_tunable

if TYPE_CHECKING:
    from torch import nn

    from goldilocks.nets.network import Network

ON_REQUEST = "is a variant of `lora` for high ranks"

SEARCH_SPACE = {"rank": (8.0, 128.0), "alpha": (4.0, 64.0)}


@dataclass(frozen=True, slots=True)
class Options:
    """Size and scale of the adapters."""

    rank: int = 32
    """Rank of the two factors."""
    alpha: float = 16.0
    """Scale of the adapters, divided by the square root of the rank."""
    roles: tuple[str, ...] = ("attention", "mlp")
    """Weight groups whose linear layers get an adapter."""


incompatibility = not_tunable
effort = low_rank.effort
fold = low_rank.merged
training_config = low_rank.adapter_config


def prepare(network: Network, options: Options) -> None:
    """Freeze the backbone and add the adapters.

    Raises:
        InputError: rank or roles are not usable with this network.
    """
    from goldilocks.nets.layers.lora import LoraLinear

    def make(layer: nn.Module) -> LoraLinear:
        return LoraLinear(layer, rank=options.rank, alpha=options.alpha, rank_stabilised=True)

    low_rank.add_adapters(network, "rslora", rank=options.rank, roles=options.roles, make=make)
