"""AdaLoRA: low-rank adapters in the form of an SVD; ranks go to the layers where they matter most. Merged afterwards.

The training loss holds an orthogonality penalty, so that it does not compare with that of other methods; races are
decided on the validation set only.

Source: Zhang et al. 2023, "AdaLoRA: Adaptive Budget Allocation for Parameter-Efficient Fine-Tuning".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from goldilocks.errors import InputError
from goldilocks.methods._shared import low_rank
from goldilocks.methods._shared.fine_tuning import not_tunable
from goldilocks.records import Gold, ModelInfo, Text

if TYPE_CHECKING:
    from torch import nn

    from goldilocks.nets.layers.adalora import AdaLoraLinear
    from goldilocks.nets.network import Network
    from goldilocks.nets.objectives.adalora import AdaLoraObjective

ON_REQUEST = "is a variant of `lora` that takes longer"

SEARCH_SPACE = {"alpha": (6.0, 96.0), "penalty": (0.01, 1.0)}


@dataclass(frozen=True, slots=True)
class Options:
    """Ranks at the start and at the end, and the schedule between."""

    rank: int = 12
    """Rank of every layer's adapter at the start."""
    target_rank: float = 8.0
    """Mean rank at the end."""
    alpha: float = 24.0
    """Scale of the adapters, divided by the starting rank."""
    warmup: float = 0.1
    """Share of the run before pruning begins."""
    final: float = 0.3
    """Share of the run at its end in which the budget stays at the target."""
    penalty: float = 0.1
    """Weight of the orthogonality penalty in the loss."""
    roles: tuple[str, ...] = ("attention", "mlp")
    """Weight groups whose linear layers get an adapter."""


incompatibility = not_tunable
fold = low_rank.merged
training_config = low_rank.adapter_config


def effort(info: ModelInfo) -> float:  # noqa: ARG001
    """As LoRA, with the importance of each weight in addition to the optimiser state."""
    return 0.9


def prepare(network: Network, options: Options) -> None:
    """Freeze the backbone and add the adapters.

    Raises:
        InputError: ranks, schedule or roles are not usable with this network.
    """
    from goldilocks.nets.layers.adalora import AdaLoraLinear

    if not 0 < options.target_rank <= options.rank:
        raise InputError(
            f"adalora: target_rank is {options.target_rank:g}; it must be above 0 and at most rank ({options.rank})."
        )
    if min(options.warmup, options.final) < 0 or options.warmup + options.final >= 1:
        raise InputError(
            f"adalora: warmup {options.warmup:g} and final {options.final:g} leave no time for pruning; "
            "use shares of the run that sum to less than 1."
        )

    def make(layer: nn.Module) -> AdaLoraLinear:
        return AdaLoraLinear(layer, rank=options.rank, alpha=options.alpha)

    low_rank.add_adapters(network, "adalora", rank=options.rank, roles=options.roles, make=make)


def objective(network: Network, texts: Sequence[Text], gold: Sequence[Gold], options: Options) -> AdaLoraObjective:  # noqa: ARG001
    """See ``protocols.HasObjective``."""
    from goldilocks.nets.objectives.adalora import AdaLoraObjective

    return AdaLoraObjective(
        network,
        gold,
        target_rank=options.target_rank,
        penalty=options.penalty,
        warmup=options.warmup,
        final=options.final,
    )
