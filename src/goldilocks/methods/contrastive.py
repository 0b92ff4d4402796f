"""Contrastive fine-tuning for few labels: the backbone draws texts of one label together, then a linear head is fitted.

Made for a few to some hundred rows; with more, `full` scores as well. Memory does not grow with the number of pairs.

Source: Tunstall et al. 2022, "Efficient Few-Shot Learning Without Prompts" (SetFit).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from goldilocks.errors import InputError
from goldilocks.methods._shared.fine_tuning import not_tunable
from goldilocks.records import Gold, ModelInfo, Output, Text, TrainingConfig

if TYPE_CHECKING:
    from goldilocks.nets.network import Network
    from goldilocks.nets.objectives.contrastive import ContrastiveObjective

ON_REQUEST = "is made for few labels (about 8 to 64 rows per label)"


@dataclass(frozen=True, slots=True)
class Options:
    """Nothing to choose."""


def incompatibility(info: ModelInfo) -> str | None:
    """See ``protocols.Method``."""
    return not_tunable(info)


def declined(output: Output) -> str | None:
    """See ``protocols.DeclinesOutputs``."""
    return None if output is Output.LABEL else f"compares texts by their labels; the task needs {output}; use `full`"


def effort(info: ModelInfo) -> float:  # noqa: ARG001
    """As full fine-tuning, and one more pass over the training texts for the head."""
    return 1.1


def prepare(network: Network, options: Options) -> None:  # noqa: ARG001
    """Make every weight trainable.

    Raises:
        InputError: the network has another head than a linear one on a vector of the text, or takes several labels.
    """
    from torch import nn

    if network.config.several:
        raise InputError("contrastive: items with several labels cannot be compared by their label; use `full`.")
    if not network.pools or not isinstance(network.head, nn.Linear):
        kind = network.config.head.KIND
        raise InputError(f"contrastive: needs a linear head on a vector of the text, this is a {kind}; use `full`.")
    network.module.requires_grad_(True)


def objective(network: Network, texts: Sequence[Text], gold: Sequence[Gold], options: Options) -> ContrastiveObjective:  # noqa: ARG001
    """See ``protocols.HasObjective``."""
    from goldilocks.nets.objectives.contrastive import ContrastiveObjective

    return ContrastiveObjective(network, gold)


def fit_head(network: Network, texts: Sequence[Text], gold: Sequence[Gold]) -> None:
    """See ``protocols.FitsHead``: logistic regression on the trained vectors."""
    from typing import cast

    import numpy as np
    from torch import nn

    from goldilocks.nets.heads.logistic_regression import fit_linear_head
    from goldilocks.nets.tokenization.batching import Row

    numbers = network.targets([Row(np.zeros(0, np.int32), item) for item in range(len(texts))], gold)
    fit_linear_head(cast(nn.Linear, network.head), network.pooled(texts).double().cpu().numpy(), numbers)


def fold(network: Network) -> None:
    """Nothing was added."""


def training_config(config: TrainingConfig) -> TrainingConfig:
    """The family's own; all layers learn alike."""
    return replace(config, layer_ratio=1.0)
