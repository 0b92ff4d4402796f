"""Nothing is trained: the model is told in words what to do, and answers.

It takes a model that was trained to go on from text. No label is looked at, so a score from few rows is as good as any.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from goldilocks.records import ModelInfo, TrainingConfig

if TYPE_CHECKING:
    from goldilocks.nets.network import Network
    from goldilocks.records import Output


@dataclass(frozen=True, slots=True)
class Options:
    """Nothing to choose."""


def misfit(facts: ModelInfo) -> str | None:
    """See ``protocols.Method``."""
    return None if "prompt" in facts.groups else "cannot be told in words what to do; it has to learn from rows"


def useless(output: Output) -> str | None:
    """See ``protocols.DeclinesOutputs``."""
    from goldilocks.nets.generation.prompts import unaskable

    return unaskable(output)


def effort(facts: ModelInfo) -> float:  # noqa: ARG001
    """A look at a few training texts, against passes over all of them."""
    return 0.02


def prepare(model: Any, options: Options) -> None:  # noqa: ARG001
    """No examples."""
    model.shots = 0


def fold(network: Network) -> None:
    """Nothing was added."""


def recipe(recipe: TrainingConfig) -> TrainingConfig | None:  # noqa: ARG001
    """Nothing is trained."""
    return None
