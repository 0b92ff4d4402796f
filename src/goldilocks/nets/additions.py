"""Modules that a method adds to a network and that stay in it, as they cannot be merged.

They are part of ``NetworkConfig``, so that a saved network is built again with them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from goldilocks.errors import InputError
from goldilocks.nets.network import Addition as Addition

if TYPE_CHECKING:
    from goldilocks.nets.network import Network


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
        case _:
            raise InputError(
                f"network.json: no addition is named {addition.kind!r}; the file is damaged or of a newer version."
            )
