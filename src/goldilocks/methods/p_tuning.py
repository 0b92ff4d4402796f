"""P-tuning: vectors before the tokens of every text come from a small prompt encoder, which is trained with the head.

After training the encoder is dropped; its vectors stay in the model as those of `prompt` do.

Source: Liu et al. 2021, "GPT Understands, Too".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

from goldilocks.methods._shared.low_rank import adapter_config
from goldilocks.methods._shared.virtual_tokens import add_virtual_tokens, generates, n_tokens, no_blocks
from goldilocks.records import ModelInfo, TrainingConfig

if TYPE_CHECKING:
    from goldilocks.nets.network import Network

ON_REQUEST = "lengthens every input and cannot be merged into the weights"

SEARCH_SPACE = {"tokens": (4.0, 64.0)}


@dataclass(frozen=True, slots=True)
class Options:
    """Length of the prompt, and its encoder."""

    tokens: int = 16
    """Virtual tokens; each makes every text a token longer."""
    encoder: Literal["mlp", "lstm"] = "mlp"
    """What computes the vectors in training."""


virtual_tokens = n_tokens
incompatibility = no_blocks
declined = partial(generates, vectors="virtual tokens")


def effort(info: ModelInfo) -> float:  # noqa: ARG001
    """No gradients of the matrices, but texts are longer."""
    return 1.0


def prepare(network: Network, options: Options) -> None:
    """Freeze everything but the head and add the vectors with their encoder.

    Raises:
        InputError: they leave no room for a text.
    """
    add_virtual_tokens(network, "p_tuning", options.tokens, encoder=options.encoder)


def fold(network: Network) -> None:
    """Keep the encoder's vectors and drop the encoder."""
    stack = network.backbone.stack
    assert stack.virtual_tokens is not None
    stack.virtual_tokens = stack.virtual_tokens.folded()
    *others, own = network.config.additions
    plain = replace(own, options={**own.options, "encoder": "none"})
    network.config = replace(network.config, additions=(*others, plain))


def training_config(config: TrainingConfig) -> TrainingConfig:
    """Ten times the rate of full fine-tuning."""
    return replace(adapter_config(config), weight_decay=0.0)
