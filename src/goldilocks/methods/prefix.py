"""Prefix tuning: keys and values that every layer attends to besides the text's own are trained, with the head.

They start as those of frequent tokens and stay in the model. Only for models that run on our own attention.

Source: Li & Liang 2021, "Prefix-Tuning"; without the MLP between: Liu et al. 2022, "P-Tuning v2".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from goldilocks.methods._shared.fine_tuning import freeze_all_but_head
from goldilocks.methods._shared.virtual_tokens import (
    frequent_tokens,
    generates,
    make_room,
    n_tokens,
    no_blocks,
    prompt_config,
)
from goldilocks.records import ModelInfo

if TYPE_CHECKING:
    from goldilocks.nets.network import Network

ON_REQUEST = "cannot be merged into the weights, unlike `lora`"

SEARCH_SPACE = {"tokens": (4.0, 64.0)}


@dataclass(frozen=True, slots=True)
class Options:
    """Length of the prefix."""

    tokens: int = 16
    """Virtual tokens in every layer."""


virtual_tokens = n_tokens
incompatibility = no_blocks
declined = partial(generates, vectors="prefixes")
training_config = prompt_config


def effort(info: ModelInfo) -> float:  # noqa: ARG001
    """No gradients of the matrices, but attention over more keys."""
    return 0.8


def prepare(network: Network, options: Options) -> None:
    """Freeze everything but the head and add the keys and values.

    Raises:
        InputError: they leave no room for a text, or the model's attention is not ours.
    """
    import torch

    from goldilocks.nets.additions import Addition, add

    make_room(network, "prefix", options.tokens)
    freeze_all_but_head(network)
    ids = frequent_tokens(network, options.tokens)
    add(network, Addition("prefixes", {"count": options.tokens}))
    stack = network.backbone.stack
    with torch.no_grad():
        for prefix, (key, value) in zip(stack.prefixes(), stack.keys_values(ids), strict=True):
            prefix.key.copy_(key)
            prefix.value.copy_(value)


def fold(network: Network) -> None:
    """Keys and values stay."""
