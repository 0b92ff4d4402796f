"""Only the head learns, on the frozen model's vectors: a linear probe trained by gradient descent, but for tags.

The backbone runs once per text; after that an epoch is a few small products, so there can be many.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from goldilocks.records import ModelInfo, Output, TrainingConfig

if TYPE_CHECKING:
    from goldilocks.nets.network import Network


@dataclass(frozen=True, slots=True)
class Options:
    """How many heads are trained."""

    heads: int = 1
    """Of what tags words: heads that learn side by side and whose scores are averaged; each costs what one does."""


def misfit(facts: ModelInfo) -> str | None:
    """See ``protocols.Method``."""
    if not set(facts.groups) - {"prompt"}:
        return "is fitted in one go, it has no weights to tune; scratch fits it"
    if not facts.pretrained:
        return "starts from nothing, so whatever does not learn stays random; scratch trains all of it"
    return None if "head" in facts.groups else "has no small head above the rest, only a decoder that came with it"


def effort(facts: ModelInfo) -> float:
    """One forward pass, where a full run makes a few forward and backward (twice as dear).

    Below the head of a table there is nothing to save: its backbone is a look-up.
    """
    return 0.15 if facts.depth else 0.75


def once(facts: ModelInfo, output: Output) -> float:
    """The backbone's one pass: nearly all below a linear head, some half below a tagger's recurrent one.

    A writer's head is its whole vocabulary, which runs again and again; below the head of a table is next to nothing.
    """
    return 0.8 if facts.depth and output not in (Output.TEXT, Output.LIKELIHOOD) else 0.0


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


def recipe(recipe: TrainingConfig) -> TrainingConfig:
    """Many cheap epochs of large batches at a rate that fits a linear model; the few weights need no decay.

    A head that has layers of its own keeps the family's recipe.
    """
    if recipe.deep_head:
        return recipe
    epochs = max(20.0, 10 * recipe.epochs)
    return replace(recipe, epochs=epochs, head_learning_rate=1e-2, dropout=0.0, weight_decay=0.0, batch_rows=256)
