"""IA3: keys, values and the MLP's inner activations are multiplied by trained vectors, which are merged afterwards.

A few weights per layer (below 0.1 % of the model), besides the head. Where queries, keys and values are separate layers
(models run by transformers), queries are multiplied too, which adds weights but hardly any functions.

Source: Liu et al. 2022, "Few-Shot Parameter-Efficient Fine-Tuning is Better and Cheaper than In-Context Learning".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from goldilocks.methods._shared.fine_tuning import (
    MATRICES,
    adapted_layers,
    freeze_all_but_head,
    need_layers,
    not_tunable,
    output_layers,
)
from goldilocks.methods._shared.low_rank import merged
from goldilocks.records import ModelInfo, TrainingConfig

if TYPE_CHECKING:
    from goldilocks.nets.network import Network

ON_REQUEST = "trains fewer weights than `lora` at the same inference cost"


@dataclass(frozen=True, slots=True)
class Options:
    """Nothing to choose."""


incompatibility = not_tunable
fold = merged


def effort(info: ModelInfo) -> float:  # noqa: ARG001
    """No gradients of the matrices and no optimiser to speak of, but all the rest."""
    return 0.7


def prepare(network: Network, options: Options) -> None:  # noqa: ARG001
    """Freeze the backbone and add the vectors.

    Raises:
        InputError: the network has no linear layers in its attention or MLPs.
    """
    from goldilocks.nets.layers.ia3 import Ia3Linear
    from goldilocks.nets.layers.wrapped_linear import wrap

    attention = set(output_layers(network, ["attention"]))
    projections = [name for name in adapted_layers(network, ["attention"]) if name not in attention]
    inner = output_layers(network, ["mlp"])
    freeze_all_but_head(network)
    count = wrap(
        network.module, projections, lambda name, layer: Ia3Linear(layer, scaled=network.key_value_outputs(name))
    )
    count += wrap(network.module, inner, lambda _, layer: Ia3Linear(layer, scaled=None))
    need_layers(count, "ia3", MATRICES, network)


def training_config(config: TrainingConfig) -> TrainingConfig:
    """The vectors start at 1 and move by tenths: thirty times the rate."""
    return replace(config, learning_rate=30 * config.learning_rate, layer_ratio=1.0, weight_decay=0.0)
