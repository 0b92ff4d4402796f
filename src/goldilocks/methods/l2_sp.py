"""L2-SP: full fine-tuning with a penalty on the distance from the pretrained weights, in place of weight decay.

What the model knew before is forgotten less; where the rows are few, they overfit less.

Source: Li et al. 2018, "Explicit Inductive Bias for Transfer Learning with Convolutional Networks".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from goldilocks.errors import InputError
from goldilocks.methods._shared.fine_tuning import not_trainable
from goldilocks.records import Gold, ModelInfo, Text, TrainingConfig

if TYPE_CHECKING:
    from goldilocks.nets.network import Network
    from goldilocks.nets.objectives.start_point import StartPointObjective

ON_REQUEST = "is a variant of `full` that stays near the pretrained weights"


SEARCH_SPACE = {"strength": (1e-4, 1.0)}


@dataclass(frozen=True, slots=True)
class Options:
    """How strongly weights are pulled back."""

    strength: float = 0.01
    """Strength of the penalty, half of it times the squared distance of the backbone from its start; above 0."""


def incompatibility(info: ModelInfo) -> str | None:
    """See ``protocols.Method``."""
    return not_trainable(info) or (None if info.pretrained else "not pretrained; use `scratch`")


def effort(info: ModelInfo) -> float:  # noqa: ARG001
    """As full fine-tuning; the penalty is one more pass over the weights."""
    return 1.05


def prepare(network: Network, options: Options) -> None:
    """Make every weight trainable.

    Raises:
        InputError: the strength is not a positive number.
    """
    if not 0 < options.strength < math.inf:
        raise InputError(f"l2_sp: strength is {options.strength:g}; it must be above 0; without a penalty use `full`.")
    network.module.requires_grad_(True)


def objective(network: Network, texts: Sequence[Text], gold: Sequence[Gold], options: Options) -> StartPointObjective:  # noqa: ARG001
    """See ``protocols.HasObjective``."""
    from goldilocks.nets.objectives.start_point import StartPointObjective

    return StartPointObjective(network, gold, strength=options.strength)


def fold(network: Network) -> None:
    """Nothing was added."""


def training_config(config: TrainingConfig) -> TrainingConfig:
    """The family's own without weight decay, which pulls to 0 where the penalty pulls to the start."""
    return replace(config, weight_decay=0.0)
