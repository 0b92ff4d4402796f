"""L2-SP: weights are pulled back to those of the bundle, in place of weight decay; no old rows are needed.

The method of the same name does this for the pretrained weights. Here the head is pulled too, as it has been trained;
what it holds of labels that are new is free.

Source: Li et al. 2018, "Explicit Inductive Bias for Transfer Learning with Convolutional Networks".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from goldilocks.records import Gold, Part, Text, TrainingConfig
from goldilocks.strategies._shared.start_point import check_strength, without_weight_decay

if TYPE_CHECKING:
    from torch import Tensor

    from goldilocks.nets.network import Network
    from goldilocks.nets.objectives.start_point import StartPointObjective

SOURCE = "Li et al. 2018, Explicit Inductive Bias for Transfer Learning with Convolutional Networks"
NEEDS_OLD_ROWS = False


@dataclass(frozen=True, slots=True)
class Options:
    """How strongly weights are pulled back."""

    strength: float = 0.1
    """Strength of the penalty, half of it times the squared distance of the weights from the bundle's; above 0."""


def check(options: Options) -> None:
    """See ``protocols.Strategy``.

    Raises:
        InputError: the strength is not a positive number.
    """
    check_strength("l2_sp", options.strength)


def training_config(config: TrainingConfig) -> TrainingConfig:
    """See ``protocols.Strategy``."""
    return without_weight_decay(config)


def objective(
    network: Network,
    previous: Network,
    texts: Sequence[Text],  # noqa: ARG001
    gold: Sequence[Gold],
    old: Part,  # noqa: ARG001
    options: Options,
) -> StartPointObjective:
    """See ``protocols.ConstrainsUpdates``."""
    from goldilocks.nets.objectives.start_point import StartPointObjective

    trained_before = _trained_before(network, previous)
    return StartPointObjective(network, gold, strength=options.strength, importance=trained_before, free_head=False)


def _trained_before(network: Network, previous: Network) -> dict[str, Tensor]:
    """Weights of the head, which may have more labels now: 1 where there was a weight before, else 0."""
    import torch

    shapes = {f"head.{name}": weight.shape for name, weight in previous.head.named_parameters()}
    masks = {}
    for name, weight in network.module.named_parameters():
        if name in shapes and shapes[name] != weight.shape:
            masks[name] = torch.zeros(weight.shape)
            masks[name][tuple(slice(0, size) for size in shapes[name])] = 1
    return masks
