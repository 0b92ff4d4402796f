"""Prompt tuning: vectors before the tokens of every text are trained, with the head; all weights are frozen.

The vectors start as embeddings of frequent tokens and stay in the model; their positions are cut off above the top
block, so that tags and spans are those of the text.

Source: Lester et al. 2021, "The Power of Scale for Parameter-Efficient Prompt Tuning".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from goldilocks.methods._shared.virtual_tokens import add_virtual_tokens, generates, n_tokens, no_blocks, prompt_config
from goldilocks.records import ModelInfo

if TYPE_CHECKING:
    from goldilocks.nets.network import Network

ON_REQUEST = "lengthens every input and cannot be merged into the weights"

SEARCH_SPACE = {"tokens": (4.0, 64.0)}


@dataclass(frozen=True, slots=True)
class Options:
    """Length of the prompt."""

    tokens: int = 16
    """Virtual tokens; each makes every text a token longer."""


virtual_tokens = n_tokens
incompatibility = no_blocks
declined = partial(generates, vectors="virtual tokens")
training_config = prompt_config


def effort(info: ModelInfo) -> float:  # noqa: ARG001
    """No gradients of the matrices, but texts are longer."""
    return 1.0


def prepare(network: Network, options: Options) -> None:
    """Freeze everything but the head and add the vectors.

    Raises:
        InputError: they leave no room for a text.
    """
    add_virtual_tokens(network, "prompt", options.tokens, encoder="none")


def fold(network: Network) -> None:
    """The vectors stay."""
