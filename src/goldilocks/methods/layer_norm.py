"""Only the layer norms and the head are trained: about a thousandth of the weights.

Source: Qi et al. 2022, "Parameter-Efficient Tuning on Layer Normalization for Pre-trained Language Models"; Zhao et al.
2024, "Tuning LayerNorm in Attention".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from goldilocks.methods._shared.fine_tuning import freeze_all_but_head, not_tunable
from goldilocks.records import ModelInfo, TrainingConfig

if TYPE_CHECKING:
    from goldilocks.nets.network import Network


ON_REQUEST = "trains about as little as `bias_only`"


@dataclass(frozen=True, slots=True)
class Options:
    """Nothing to choose."""


def incompatibility(info: ModelInfo) -> str | None:
    """See ``protocols.Method``."""
    return not_tunable(info, ("norm",))


def effort(info: ModelInfo) -> float:  # noqa: ARG001
    """No gradients of the matrices and no optimiser to speak of, but all the rest."""
    return 0.65


def prepare(network: Network, options: Options) -> None:  # noqa: ARG001
    """Freeze everything but the norms and the head."""
    freeze_all_but_head(network)
    for name in network.groups().get("norm", []):
        network.module.get_parameter(name).requires_grad_(True)


def fold(network: Network) -> None:
    """Nothing was added."""


def training_config(config: TrainingConfig) -> TrainingConfig:
    """Scales near 1 tolerate a rate that would destroy matrices."""
    return replace(config, learning_rate=20 * config.learning_rate, layer_ratio=1.0)
