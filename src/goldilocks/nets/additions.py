"""Modules that a method adds to a network and that stay in it, as they cannot be merged.

They are part of ``NetworkConfig``, so that a saved network is built again with them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from goldilocks.errors import InputError
from goldilocks.nets.network import Addition as Addition

if TYPE_CHECKING:
    from goldilocks.nets.network import Network, NetworkConfig


_IN_LAYERS = ("adapters", "prefixes")
"""Kinds that are inside layers, so that they are part of a backbone's blocks."""
_BETWEEN_LAYERS = (".edits.", ".virtual_tokens.", ".prefix.")
"""In the names of the weights of the other additions."""


def not_traceable(config: NetworkConfig) -> str | None:
    """Why a network's blocks alone do not give its states, for the user; ``None``: they do."""
    kinds = [addition.kind for addition in config.additions if addition.kind not in _IN_LAYERS]
    return f"its method added {kinds[0]} between the blocks, which are not exported" if kinds else None


def no_place(config: NetworkConfig) -> str | None:
    """Why a checkpoint of transformers cannot hold a network, for the user; ``None``: it has no additions."""
    if not config.additions:
        return None
    return f"its method added {config.additions[0].kind}, for which checkpoints of transformers have no place"


def added_parameters(network: Network) -> list[str]:
    """Names of the weights, in ``network.module``, that additions brought."""
    layers = [layer for addition in network.config.additions for layer in addition.options.get("layers", ())]
    starts = tuple(f"{layer}." for layer in layers)
    frozen = tuple(f"{layer}.base." for layer in layers)
    names = [name for name, _ in network.module.named_parameters()]
    return [
        name
        for name in names
        if (name.startswith(starts) and not name.startswith(frozen)) or any(part in name for part in _BETWEEN_LAYERS)
    ]


def add(network: Network, addition: Addition) -> None:
    """Add untrained modules to a network in place, and note them in its config."""
    build(network, addition)
    network.config = replace(network.config, additions=(*network.config.additions, addition))


def build(network: Network, addition: Addition) -> None:
    """Add modules that the network's config names already.

    Raises:
        InputError: no addition is of this kind.
    """
    match addition.kind:
        case "adapters":
            from goldilocks.nets.layers.bottleneck_adapter import BottleneckAdapter
            from goldilocks.nets.layers.wrapped_linear import wrap

            width = int(addition.options["width"])
            wrap(network.module, addition.options["layers"], lambda _, layer: BottleneckAdapter(layer, width=width))
        case "edits":
            from goldilocks.nets.layers.loreft import LoReft

            backbone = network.backbone.stack
            interventions = [LoReft(backbone.width, **addition.options) for _ in range(backbone.depth)]
            backbone.add_edits(interventions)
        case "virtual_tokens":
            from goldilocks.nets.layers.virtual_tokens import VirtualTokens

            backbone = network.backbone.stack
            backbone.virtual_tokens = VirtualTokens(backbone.virtual_width, **addition.options)
        case "prefixes":
            network.backbone.stack.add_prefixes(int(addition.options["count"]))
        case _:
            raise InputError(
                f"network.json: no addition is named {addition.kind!r}; the file is damaged or of a newer version."
            )
