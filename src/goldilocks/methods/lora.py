"""LoRA: low-rank adapters beside the frozen matrices are trained, with the head; after training they are merged.

Source: Hu et al. 2021, "LoRA"; on all linear layers rather than two of them, as in Dettmers et al. 2023, "QLoRA".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from goldilocks.records import ModelInfo, TrainingConfig

if TYPE_CHECKING:
    from goldilocks.nets.network import Network


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
    if not set(info.groups) - {"prompt"}:
        return "not trained by gradient descent; use `scratch`"
    if not info.pretrained:
        return "not pretrained, so frozen weights would stay random; use `scratch`"
    if not {"attention", "mlp"} & set(info.groups):
        return f"has no attention or mlp weights to adapt, only {', '.join(info.groups)}"
    return None


def effort(info: ModelInfo) -> float:  # noqa: ARG001
    """No gradients of the large matrices and hardly any optimiser, but all the rest."""
    return 0.75


def prepare(network: Network, options: Options) -> None:
    """Freeze the backbone and add the adapters.

    Raises:
        InputError: rank or roles are not usable with this network.
    """
    from goldilocks.errors import InputError
    from goldilocks.nets.layers import lora

    if options.rank < 1:
        raise InputError(f"lora: rank is {options.rank}; it must be at least 1.")
    groups = network.groups()
    layers = [
        name.removesuffix(".weight")
        for role in options.roles
        for name in groups.get(role, [])
        if name.endswith(".weight")
    ]
    network.module.requires_grad_(False)
    if not lora.add(network.module, layers, rank=options.rank, alpha=options.alpha):
        raise InputError(
            f"lora: no linear layer in the groups {', '.join(options.roles)}; there are {', '.join(groups)}."
        )
    for name in groups.get("head", []):  # a pretrained decoder is no head: it gets adapters too
        network.module.get_parameter(name).requires_grad_(True)


def fold(network: Network) -> None:
    """Merge the adapters into the frozen matrices."""
    from goldilocks.nets.layers import lora

    lora.merge(network.module)


def training_config(config: TrainingConfig) -> TrainingConfig:
    """Adapters start at zero and tolerate ten times the rate."""
    return replace(config, learning_rate=10 * config.learning_rate, layer_ratio=1.0)
