"""Only the head is trained, on frozen features: a linear probe by gradient descent (for tags the head is larger).

The backbone runs once per text; after that an epoch is a few small matrix products, so there can be many.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from goldilocks.methods._shared.fine_tuning import not_freezable
from goldilocks.records import ModelInfo, Output, TrainingConfig

if TYPE_CHECKING:
    from goldilocks.nets.network import Network


@dataclass(frozen=True, slots=True)
class Options:
    """How many heads are trained."""

    heads: int = 1
    """Heads of a token classifier, trained side by side; their scores are averaged. Each costs as much as one."""


def incompatibility(info: ModelInfo) -> str | None:
    """See ``protocols.Method``."""
    without = None if "head" in info.groups else "has no separate head, only its pretrained decoder"
    return not_freezable(info) or without


def effort(info: ModelInfo) -> float:
    """One forward pass, where full fine-tuning makes several forward and backward (twice as expensive).

    For static embeddings there is nothing to save: their backbone is a look-up.
    """
    return 0.15 if info.depth else 0.75


def frozen_share(info: ModelInfo, output: Output) -> float:
    """The backbone's one pass: nearly everything below a linear head, about half below a recurrent one.

    For generation the output layer over the vocabulary runs in every epoch; static embeddings cost next to nothing.
    """
    return 0.8 if info.depth and not output.needs_language_model else 0.0


def prepare(network: Network, options: Options) -> None:
    """Freeze the backbone.

    Raises:
        InputError: ``heads`` is not usable with this network.
    """
    from goldilocks.errors import InputError

    if options.heads < 1:
        raise InputError(f"head_only: heads is {options.heads}; it must be at least 1.")
    if options.heads > 1:
        network.multiply_head(options.heads)
    network.module.requires_grad_(False)
    network.head.requires_grad_(True)


def fold(network: Network) -> None:
    """Nothing was added."""


def training_config(config: TrainingConfig) -> TrainingConfig:
    """Many cheap epochs of large batches at a rate that fits a linear model; the few weights need no decay.

    A head that has layers of its own keeps the family's config.
    """
    if config.deep_head:
        return config
    epochs = max(20.0, 10 * config.epochs)
    return replace(config, epochs=epochs, head_learning_rate=1e-2, dropout=0.0, weight_decay=0.0, batch_rows=256)
