"""LoReFT: low-rank edits of the hidden states above each block are trained, with the head; all weights are frozen.

About a thirtieth of LoRA's weights. The edits stay in the model, as they cannot be merged.

Source: Wu et al. 2024, "ReFT: Representation Finetuning for Language Models".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from goldilocks.errors import InputError
from goldilocks.methods._shared.fine_tuning import freeze_all_but_head, not_tunable
from goldilocks.records import ModelInfo, Output, TrainingConfig

if TYPE_CHECKING:
    from goldilocks.nets.network import Network

ON_REQUEST = "cannot be merged into the weights, unlike `lora`"


SEARCH_SPACE = {"rank": (1.0, 32.0)}


@dataclass(frozen=True, slots=True)
class Options:
    """Size of the edits, and the tokens they change."""

    rank: int = 4
    """Dimensions of the edited subspace."""
    first: int = 0
    """Tokens at the beginning of a text that are edited."""
    last: int = 0
    """Tokens at its end that are edited; with both 0 all tokens are, which tags need."""


def incompatibility(info: ModelInfo) -> str | None:
    """See ``protocols.Method``."""
    reason = not_tunable(info)
    return reason or (None if info.depth else "has no blocks whose states could be edited; use `full`")


def declined(output: Output) -> str | None:
    """See ``protocols.DeclinesOutputs``."""
    return "edits are not applied while text is generated; use `lora`" if output.needs_language_model else None


def effort(info: ModelInfo) -> float:  # noqa: ARG001
    """No gradients of the matrices and no optimiser to speak of, but all the rest."""
    return 0.7


def prepare(network: Network, options: Options) -> None:
    """Freeze everything but the head and add the edits.

    Raises:
        InputError: the options are not usable with this network, or its blocks cannot be edited one by one.
    """
    from goldilocks.nets.additions import Addition, add

    width = network.backbone.width
    if not 1 <= options.rank <= width:
        raise InputError(f"reft: rank is {options.rank}; it must be at least 1 and at most the width, {width}.")
    if min(options.first, options.last) < 0:
        raise InputError(f"reft: first is {options.first} and last {options.last}; they must be at least 0.")
    freeze_all_but_head(network)
    add(network, Addition("edits", {"rank": options.rank, "first": options.first, "last": options.last}))


def fold(network: Network) -> None:
    """Edits cannot be merged."""


def training_config(config: TrainingConfig) -> TrainingConfig:
    """Few weights tolerate a high rate."""
    return replace(config, learning_rate=20 * config.learning_rate, layer_ratio=1.0, weight_decay=0.0)
