"""What LoRA and its variants share: options are checked, layers are wrapped, the rate is that of adapters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from goldilocks.errors import InputError
from goldilocks.methods._shared.fine_tuning import MATRICES, adapted_layers, freeze_all_but_head, need_layers
from goldilocks.records import ModelInfo, TrainingConfig

if TYPE_CHECKING:
    from torch import nn

    from goldilocks.nets.layers.wrapped_linear import WrappedLinear
    from goldilocks.nets.network import Network


@dataclass(frozen=True, slots=True)
class LoraOptions:
    """Size and scale of the adapters."""

    rank: int = 8
    """Rank of the two factors."""
    alpha: float = 16.0
    """Scale of the adapters, divided by the rank."""
    roles: tuple[str, ...] = MATRICES
    """Weight groups whose linear layers get an adapter."""


def effort(info: ModelInfo) -> float:  # noqa: ARG001
    """No gradients of the large matrices and hardly any optimiser, but all the rest."""
    return 0.75


def add_adapters(
    network: Network, method: str, *, rank: int, roles: Sequence[str], make: Callable[[nn.Module], WrappedLinear]
) -> None:
    """Freeze the backbone and wrap the linear layers of some weight groups.

    Args:
        network: Changed in place; its head stays trainable.
        method: For error messages.
        rank: Rank of the adapters.
        roles: Weight groups.
        make: Layer -> the wrapped layer.

    Raises:
        InputError: the rank is not at least 1, or is above the width of a layer; or no linear layer is in the groups.
    """
    from goldilocks.nets.layers.wrapped_linear import is_linear, wrap

    if rank < 1:
        raise InputError(f"{method}: rank is {rank}; it must be at least 1.")
    names = adapted_layers(network, roles)
    layers = {name: network.module.get_submodule(name) for name in names}
    sides = {name: min(layer.get_parameter("weight").shape) for name, layer in layers.items() if is_linear(layer)}
    narrowest = min(sides, key=sides.__getitem__, default="")
    if narrowest and rank > sides[narrowest]:
        raise InputError(
            f"{method}: rank is {rank}, but {narrowest} is only {sides[narrowest]} wide; "
            f"set options.{method}.rank to at most {sides[narrowest]}."
        )
    freeze_all_but_head(network)
    need_layers(wrap(network.module, names, lambda _, layer: make(layer)), method, roles, network)


def merged(network: Network) -> None:
    """Merge the adapters into the frozen matrices."""
    from goldilocks.nets.layers.wrapped_linear import merge

    merge(network.module)


def adapter_config(config: TrainingConfig) -> TrainingConfig:
    """Adapters start at zero and tolerate ten times the rate."""
    return replace(config, learning_rate=10 * config.learning_rate, layer_ratio=1.0)
