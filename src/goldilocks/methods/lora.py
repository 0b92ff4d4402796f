"""LoRA: low-rank adapters next to the frozen matrices are trained, with the head; after training they are merged.

Source: Hu et al. 2021, "LoRA"; on all linear layers rather than two of them, as in Dettmers et al. 2023, "QLoRA".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from goldilocks.methods._shared import low_rank
from goldilocks.methods._shared.fine_tuning import not_tunable

if TYPE_CHECKING:
    from torch import nn

    from goldilocks.nets.network import Network

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
    from goldilocks.nets.layers.lora import LoraLinear

    def make(layer: nn.Module) -> LoraLinear:
        return LoraLinear(layer, rank=options.rank, alpha=options.alpha)

    low_rank.add_adapters(network, "lora", rank=options.rank, roles=options.roles, make=make)
