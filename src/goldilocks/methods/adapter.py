"""Bottleneck adapters: small two-layer networks between frozen layers are trained, with the head.

They stay in the model, as the activation in their middle cannot be merged: inference takes a few percent longer.

Source: Houlsby et al. 2019, "Parameter-Efficient Transfer Learning for NLP" (after attention and MLP); Pfeiffer et al.
2021, "AdapterFusion" (after the MLP only). Ours come right after the output layer, before the residual is added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from goldilocks.errors import InputError
from goldilocks.methods._shared.fine_tuning import (
    MATRICES,
    freeze_all_but_head,
    need_layers,
    not_tunable,
    output_layers,
)
from goldilocks.methods._shared.low_rank import adapter_config
from goldilocks.records import ModelInfo

if TYPE_CHECKING:
    from goldilocks.nets.network import Network

ON_REQUEST = "adapts like `lora`, but cannot be merged into the weights"


@dataclass(frozen=True, slots=True)
class Options:
    """Size and placement of the adapters."""

    width: int = 0
    """Width of the bottleneck; 0: an eighth of the hidden width, at least 8."""
    placement: Literal["houlsby", "pfeiffer"] = "pfeiffer"
    """``houlsby``: after attention and MLP of each block; ``pfeiffer``: after the MLP only."""


incompatibility = not_tunable
training_config = adapter_config


def effort(info: ModelInfo) -> float:  # noqa: ARG001
    """No gradients of the large matrices and hardly any optimiser, but all the rest."""
    return 0.7


def prepare(network: Network, options: Options) -> None:
    """Freeze the backbone and add the adapters.

    Raises:
        InputError: width or placement are not usable with this network.
    """
    from goldilocks.nets.additions import Addition, add
    from goldilocks.nets.layers.bottleneck_adapter import default_width

    if options.width < 0:
        raise InputError(f"adapter: width is {options.width}; it must be at least 1, or 0 for the default.")
    width = options.width or default_width(network.backbone.width)
    groups = MATRICES if options.placement == "houlsby" else ("mlp",)
    names = output_layers(network, groups)
    freeze_all_but_head(network)
    need_layers(len(names), "adapter", groups, network)
    add(network, Addition("adapters", {"layers": names, "width": width}))


def fold(network: Network) -> None:
    """Adapters cannot be merged."""
