"""What prompt tuning, P-tuning and prefix tuning share: options are checked, and texts make room."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from goldilocks.errors import InputError
from goldilocks.methods._shared.fine_tuning import freeze_all_but_head, not_tunable
from goldilocks.records import ModelInfo, Output, TrainingConfig

if TYPE_CHECKING:
    from torch import Tensor

    from goldilocks.nets.network import Network

_FREQUENT = 5_000
"""Ids below this are drawn from: most tokenizers number their tokens by frequency."""
_SHORTEST = 8
"""Tokens that must be left for a text."""


def n_tokens(options: Any) -> int:
    """See ``protocols.AddsVirtualTokens``."""
    return int(options.tokens)


def no_blocks(info: ModelInfo) -> str | None:
    """Why virtual tokens are of no use to a model, for the user; ``None``: they are."""
    return not_tunable(info) or (None if info.depth else "has no layers that could attend to them; use `full`")


def generates(output: Output, vectors: str) -> str | None:
    """Why virtual tokens are not for this output, for the user; ``None``: they are."""
    return f"{vectors} are not applied while text is generated; use `lora`" if output.needs_language_model else None


def make_room(network: Network, method: str, tokens: int) -> None:
    """Truncate texts so that ``tokens`` virtual tokens fit in front of them.

    Raises:
        InputError: the number is not at least 1, or too little is left for the text.
    """
    if tokens < 1:
        raise InputError(f"{method}: tokens is {tokens}; it must be at least 1.")
    room = network.backbone.stack.position_limit
    if room is None or network.config.max_tokens + tokens <= room:
        return
    left = room - tokens
    if left < _SHORTEST:
        raise InputError(
            f"{method}: {tokens} virtual tokens leave {left} of the model's {room} positions for a text; "
            f"set options.{method}.tokens to at most {max(1, room - _SHORTEST)}."
        )
    network.config = replace(network.config, max_tokens=left)
    if network.tokenizer.truncation is not None:
        network.tokenizer.enable_truncation(left)


def add_virtual_tokens(network: Network, method: str, tokens: int, *, encoder: str) -> None:
    """Freeze everything but the head and add trainable vectors before every text, as embeddings of frequent tokens.

    Args:
        network: Changed in place.
        method: For error messages.
        tokens: Number of vectors.
        encoder: What computes them in training; ``none``: they are weights themselves.

    Raises:
        InputError: they leave no room for a text.
    """
    from goldilocks.nets.additions import Addition, add

    make_room(network, method, tokens)
    freeze_all_but_head(network)
    add(network, Addition("virtual_tokens", {"count": tokens, "encoder": encoder}))
    stack = network.backbone.stack
    assert stack.virtual_tokens is not None
    stack.virtual_tokens.table.data = stack.embedded(frequent_tokens(network, tokens))


def frequent_tokens(network: Network, count: int) -> Tensor:
    """Ids of frequent tokens, drawn from torch's generator, ``(count,)``."""
    import torch

    return torch.randint(0, min(_FREQUENT, network.tokenizer.get_vocab_size(with_added_tokens=False)), (count,))


def prompt_config(config: TrainingConfig) -> TrainingConfig:
    """Vectors of the input need a rate a hundred times that of matrices, and no decay."""
    return replace(config, learning_rate=100 * config.learning_rate, layer_ratio=1.0, weight_decay=0.0)
