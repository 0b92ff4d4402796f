"""DoRA: LoRA for the direction of each matrix row, and a magnitude that is trained separately; merged after training.

Source: Liu et al. 2024, "DoRA: Weight-Decomposed Low-Rank Adaptation".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from goldilocks.methods._shared import low_rank
from goldilocks.methods._shared.fine_tuning import not_tunable

if TYPE_CHECKING:
    from torch import nn

    from goldilocks.nets.network import Network

ON_REQUEST = "is a variant of `lora` that takes longer"

SEARCH_SPACE = {"rank": (2.0, 64.0), "alpha": (4.0, 64.0)}

Options = low_rank.LoraOptions
incompatibility = not_tunable
effort = low_rank.effort
fold = low_rank.merged
training_config = low_rank.adapter_config


def prepare(network: Network, options: Options) -> None:
    """Freeze the backbone and add the adapters.

    Raises:
        InputError: rank or roles are not usable with this network.
    """
    from goldilocks.nets.layers.lora import DoraLinear

    def make(layer: nn.Module) -> DoraLinear:
        return DoraLinear(layer, rank=options.rank, alpha=options.alpha)

    low_rank.add_adapters(network, "dora", rank=options.rank, roles=options.roles, make=make)
