"""Low-rank additions beside the frozen matrices learn, with the head; in the end they are merged in.

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
    """Size and weight of the additions."""

    rank: int = 8
    """Width between the two thin matrices."""
    alpha: float = 16.0
    """Weight of the addition, divided by the rank."""
    roles: tuple[str, ...] = ("attention", "mlp")
    """Weight groups whose linear layers get one."""


def misfit(facts: ModelInfo) -> str | None:
    """See ``protocols.Method``."""
    if not set(facts.groups) - {"prompt"}:
        return "is fitted in one go, it has no weights to tune; scratch fits it"
    if not facts.pretrained:
        return "starts from nothing, so whatever does not learn stays random; scratch trains all of it"
    if not {"attention", "mlp"} & set(facts.groups):
        return f"has no attention or mlp weights to add to, only {', '.join(facts.groups)}"
    return None


def effort(facts: ModelInfo) -> float:  # noqa: ARG001
    """No gradients of the large matrices and hardly any optimiser, but all the rest."""
    return 0.75


def prepare(network: Network, options: Options) -> None:
    """Freeze the backbone and put the additions in.

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
    for name in groups.get("head", []):  # a decoder that came with its backbone is no head: it gets additions too
        network.module.get_parameter(name).requires_grad_(True)


def fold(network: Network) -> None:
    """Merge the additions into the matrices they stand beside."""
    from goldilocks.nets.layers import lora

    lora.merge(network.module)


def recipe(recipe: TrainingConfig) -> TrainingConfig:
    """Additions start at zero and stand ten times the rate."""
    return replace(recipe, learning_rate=10 * recipe.learning_rate, layer_ratio=1.0)
