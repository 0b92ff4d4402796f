"""DoRA: LoRA for the direction of each matrix row, and a magnitude that is trained separately; merged after training.

Source: Liu et al. 2024, "DoRA: Weight-Decomposed Low-Rank Adaptation".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from goldilocks.methods._shared.fine_tuning import not_tunable
from goldilocks.methods._shared.low_rank import adapter_config, add_adapters
from goldilocks.records import ModelInfo, TrainingConfig

if TYPE_CHECKING:
    from torch import nn

    from goldilocks.nets.network import Network


ON_REQUEST = "is a variant of `lora` that takes longer"


SEARCH_SPACE = {"rank": (2.0, 64.0), "alpha": (4.0, 64.0)}


@dataclass(frozen=True, slots=True)
class Options:
    """Size and scale of the adapters."""

    rank: int = 8
    """Rank of the two factors."""
    alpha: float = 16.0
    """Scale of the adapters, divided by the rank."""
    roles: tuple[str, ...] = ("attention", "mlp")
    """Weight groups whose linear layers get an adapter."""


def incompatibility(info: ModelInfo) -> str | None:
    """See ``protocols.Method``."""
    return not_tunable(info)


def effort(info: ModelInfo) -> float:  # noqa: ARG001
    """No gradients of the large matrices and hardly any optimiser, but all the rest."""
    return 0.75


def prepare(network: Network, options: Options) -> None:
    """Freeze the backbone and add the adapters.

    Raises:
        InputError: rank or roles are not usable with this network.
    """
    from goldilocks.nets.layers.lora import DoraLinear

    def make(layer: nn.Module) -> DoraLinear:
        return DoraLinear(layer, rank=options.rank, alpha=options.alpha)

    add_adapters(network, "dora", rank=options.rank, roles=options.roles, make=make)


def fold(network: Network) -> None:
    """Merge the adapters into the frozen matrices."""
    from goldilocks.nets.layers.wrapped_linear import merge

    merge(network.module)


def training_config(config: TrainingConfig) -> TrainingConfig:
    """Ten times the rate of full fine-tuning."""
    return adapter_config(config)
