"""Only the biases and the head learn (BitFit): a thousandth of the weights.

Source: Ben Zaken et al. 2022, "BitFit: Simple Parameter-efficient Fine-tuning for Transformer-based Masked
Language-models".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from goldilocks.methods._shared.fine_tuning import MATRICES, not_freezable
from goldilocks.records import ModelInfo, TrainingConfig

if TYPE_CHECKING:
    from goldilocks.nets.network import Network


@dataclass(frozen=True, slots=True)
class Options:
    """Nothing to choose."""


def incompatibility(info: ModelInfo) -> str | None:
    """See ``protocols.Method``."""
    return not_freezable(info) or (None if set(MATRICES) & set(info.groups) else "has no biases below the head")


def effort(info: ModelInfo) -> float:  # noqa: ARG001
    """No gradients of the matrices and no optimiser to speak of, but all the rest."""
    return 0.65


def prepare(network: Network, options: Options) -> None:  # noqa: ARG001
    """Freeze everything but the biases and the head."""
    network.module.requires_grad_(False)
    head = set(network.groups().get("head", []))  # a pretrained decoder is not a head
    for name, weight in network.module.named_parameters():
        # T5 has its only biases in a table: relative_attention_bias.weight.
        weight.requires_grad_(name in head or any("bias" in part for part in name.split(".")[-2:]))


def fold(network: Network) -> None:
    """Nothing was added."""


def training_config(config: TrainingConfig) -> TrainingConfig:
    """Biases tolerate a rate that would destroy matrices."""
    return replace(config, learning_rate=20 * config.learning_rate, layer_ratio=1.0)
